const LONG_S = 10;
const {emotions} = JSON.parse(document.getElementById("content").textContent);
const find = (selector) => document.querySelector(selector);
const drop = find(".drop"), picker = find(".drop input"), recordButton = find(".record");
const result = find(".result"), audio = find("audio"), output = find(".timeline"), alertBox = find(".error");
let latest = 0;

function showError(text) {
  alertBox.textContent = text;
  alertBox.hidden = false;
}

// Duration of what the player was given, or null where the browser does not know it or cannot play it.
function playerDuration() {
  return new Promise((resolve) => {
    audio.onloadedmetadata = () => resolve(Number.isFinite(audio.duration) ? audio.duration : null);
    audio.onerror = () => resolve(null);
  });
}

async function post(path, file) {
  const form = new FormData();
  form.append("file", file, "recording");
  let response;
  try {
    response = await fetch(path, {method: "POST", body: form});
  } catch {
    throw new Error("The server does not answer.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.detail ?? `The server answered ${response.status}.`);
  return answer;
}

function showScores(scores) {
  const bars = element("div", {className: "bars"});
  drawBars(bars, Object.fromEntries(scores.map(({label, score}) => [label, score])), emotions);
  output.replaceChildren(element("p", {className: "now", textContent: scores[0].label}), bars);
}

async function hear(file, name) {
  const number = ++latest;
  alertBox.hidden = true;
  result.hidden = false;
  output.replaceChildren();
  find(".unplayable").hidden = true;
  audio.hidden = false;
  find("h2").textContent = name;
  if (audio.src) URL.revokeObjectURL(audio.src);
  const loaded = playerDuration();
  audio.src = URL.createObjectURL(file);
  find(".waiting").hidden = false;
  try {
    const duration = await loaded;
    if (number !== latest) return;
    find(".unplayable").hidden = !audio.error;
    audio.hidden = Boolean(audio.error);
    // The server reads formats that browsers do not, and knows how long those last.
    const timeline = duration === null || duration > LONG_S ? await post("/timeline", file) : null;
    const long = timeline !== null && timeline.duration_s > LONG_S;
    const scores = long ? null : await post("/predict", file);
    if (number !== latest) return;
    if (long) drawTimeline(output, timeline, emotions, audio);
    else showScores(scores);
  } catch (error) {
    if (number === latest) showError(error.message);
  } finally {
    if (number === latest) find(".waiting").hidden = true;
  }
}

// Browsers record formats that the server cannot read, so that samples are sent.
function encodeWave(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (offset, value) => [...value].forEach((letter, index) => view.setUint8(offset + index, letter.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true); text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, index) => view.setInt16(44 + 2 * index, Math.round(32767 * Math.max(-1, Math.min(1, sample))), true));
  return new Blob([view], {type: "audio/wav"});
}

let recorder = null;

async function record() {
  const stream = await navigator.mediaDevices.getUserMedia({audio: true});
  const parts = [];
  recorder = new MediaRecorder(stream);
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = async () => {
    stream.getTracks().forEach((track) => track.stop());
    recorder = null;
    recordButton.textContent = "Record with the microphone";
    recordButton.classList.remove("running");
    try {
      const context = new AudioContext({sampleRate: 16000});
      const decoded = await context.decodeAudioData(await new Blob(parts).arrayBuffer());
      await context.close();
      await hear(encodeWave(decoded.getChannelData(0), decoded.sampleRate), "your recording");
    } catch (error) {
      showError(`The recording cannot be used: ${error.message}`);
    }
  };
  recorder.start();
  recordButton.textContent = "Stop recording";
  recordButton.classList.add("running");
}

recordButton.addEventListener("click", () => {
  if (recorder) recorder.stop();
  else record().catch((error) => showError(`The microphone cannot be used: ${error.message}`));
});
picker.addEventListener("change", () => {
  if (picker.files.length) hear(picker.files[0], picker.files[0].name);
  picker.value = "";
});
for (const name of ["dragover", "dragenter"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (event.dataTransfer.files.length) hear(event.dataTransfer.files[0], event.dataTransfer.files[0].name);
});
