"""One fold per recording session, all of whose speakers test it."""

from ser.corpora.corpus import Corpus
from ser.errors import FoldError
from ser.folds.rotation import rotation_folds
from ser.results import Fold

SCHEME = "leave-one-session-out"


def session_folds(corpus: Corpus) -> tuple[Fold, ...]:
    """Return one fold per session; the next session validates, the last being followed by the first.

    Test and validation never share a dialog, as every dialog lies within one session.

    Args:
        corpus: The corpus; every utterance has a session.

    Returns:
        The folds, sorted by session; a fold's name is its session.

    Raises:
        FoldError: An utterance has no session, a speaker has two, there are fewer than three, or a
            fold breaks a guard.
    """
    sessions: dict[str, set[str]] = {}
    session_of: dict[str, str] = {}
    for utterance in corpus.utterances:
        if utterance.session is None:
            raise FoldError(f"folds 'session' need a session for every utterance; {utterance.id} has none")
        before = session_of.setdefault(utterance.speaker, utterance.session)
        if before != utterance.session:
            raise FoldError(f"speaker {utterance.speaker} is in sessions {before} and {utterance.session}")
        sessions.setdefault(utterance.session, set()).add(utterance.speaker)
    names = sorted(sessions)
    return rotation_folds(corpus, SCHEME, [(name, tuple(sorted(sessions[name]))) for name in names])
