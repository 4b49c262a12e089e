"""Use of trained networks on recordings that no study has seen."""

from ser.inference.model import EmotionModel as EmotionModel
from ser.inference.model import load_model as load_model
