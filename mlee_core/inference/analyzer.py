"""A recording under a trained model: which emotions are present, which dominates, where each encoder looked.

Everything is fp32 in eval mode (SPEC.md: bf16 is for training and live).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ..audio import quality
from ..audio.decoding import Recording
from ..audio.domain import SpeechStatistics
from ..audio.features import utterance_features
from ..audio.frames import FIRST_STEP_S, MAX_SEGMENT_S, SAMPLE_RATE, STEP_S
from ..audio.levels import AudioSignal
from ..audio.speech_segments import speech_segments
from ..errors import AudioError
from ..events import Progress
from .model_file import Bundle, Member
from .results import DOMINANT_HEADS, ENCODER_NAMES, ENCODERS, Analysis, Attention, Seen, Segment

RULES = ("fusion", "soft", "hard", "mlee")
"""The first of these heads that the model has predicts."""


Outputs = tuple[dict[str, Tensor], dict[str, Tensor]]
"""Head -> probabilities [4] (softmax, or sigmoid for MLEE's existence), and encoder -> attention [S]."""


class Analyzer:
    """Analyses recordings with one loaded model."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    def analyze(
        self,
        recording: Recording,
        start_s: float | None = None,
        end_s: float | None = None,
        *,
        speaker: str | None = None,
        corpus: str | None = None,
    ) -> Iterator[Progress | Segment | Analysis]:
        """Yield Progress (in seconds of sound), each Segment as it is done, and last the Analysis.

        Up to 30 s it is one segment; above, speech segments of at most 30 s (SPEC.md "Model").

        Args:
            recording: What is analysed.
            start_s, end_s: A stretch of it only; times still count from the file's start.
            speaker, corpus: Whose recording it is in an opened corpus, for `seen`.

        Raises:
            AudioError: The stretch is outside the recording.
        """
        first, last = _stretch(recording, start_s, end_s)
        signal = recording.signal.part(first, last)
        done: list[Segment] = []
        yield Progress("Analysing", 0.0, len(signal) / SAMPLE_RATE)
        ranges = speech_segments(signal)
        began = time.monotonic()
        for start, stop in ranges:
            segment = self._segment(signal.part(start, stop), (first + start) / SAMPLE_RATE)
            done.append(segment)
            yield segment
            share = stop / len(signal)
            left = (time.monotonic() - began) / share * (1 - share)
            yield Progress("Analysing", stop / SAMPLE_RATE, len(signal) / SAMPLE_RATE, left)
        seen, why = self.seen(recording.digests(), speaker, corpus)
        long = len(signal) > MAX_SEGMENT_S * SAMPLE_RATE
        speech = any(segment.predicted for segment in done)
        whole = quality.notes(signal, speech=speech) if long else ()
        yield Analysis(
            file=str(recording.path),
            duration_s=len(signal) / SAMPLE_RATE,
            model=self.bundle.info.name,
            classes=self.bundle.info.classes,
            heads=self.bundle.info.heads,
            segments=tuple(done),
            seen=seen,
            seen_why=why,
            notes=(*recording.notes, *whole),
        )

    def seen(
        self, digests: Iterable[str], speaker: str | None, corpus: str | None
    ) -> tuple[Seen | None, str]:
        """Whether the model was trained on this recording or its speaker, and how that is known."""
        info = self.bundle.info
        part = next((self.bundle.seen[digest] for digest in digests if digest in self.bundle.seen), None)
        if part is not None:
            return part, f"this very recording is in the model's {_PARTS[part]} set"
        if speaker is not None and corpus is not None:
            # as a model trained on this corpus alone names the speaker, or one trained on several
            named = speaker if corpus == info.trained_on else f"{corpus.replace('/', '-')}/{speaker}"
            for name in ("train", "dev"):
                if named in info.speakers[name]:
                    return name, f"speaker {speaker} of {corpus} is in the model's {_PARTS[name]} set"
        return None, ""

    def _segment(self, signal: AudioSignal, start_s: float) -> Segment:
        """One verdict on at most 30 s. start_s: where they begin in the file."""
        features = utterance_features(signal, self.bundle.level, self.bundle.cut)
        outputs, attended = self._forward(features.values)
        probabilities = {head: tuple(values.tolist()) for head, values in outputs.items()}
        on_kept = {head: values.double().numpy() for head, values in attended.items()}  # [S'] each
        frames, duration_s = features.frames, len(signal) / SAMPLE_RATE
        weights = {head: tuple(frames.on_recording(values).tolist()) for head, values in on_kept.items()}
        predicted_by = next(rule for rule in RULES if rule in probabilities)
        steps = len(next(iter(weights.values())))
        first = start_s + FIRST_STEP_S + STEP_S / 2
        speech = quality.may_hold_speech(signal)
        statistics = SpeechStatistics.of(signal.samples) if speech else None
        on_speech = {head: frames.on_speech(values) for head, values in on_kept.items()}
        shares = {ENCODER_NAMES[head]: share for head, share in on_speech.items()}
        best = self.bundle.info.classes[int(np.argmax(probabilities[predicted_by]))]
        return Segment(
            start_s=start_s,
            end_s=start_s + duration_s,
            classes=self.bundle.info.classes,
            dominant={head: probabilities.get(head) for head in DOMINANT_HEADS},
            existence=probabilities.get("mlee"),
            predicted=best if speech else None,
            rule=predicted_by,
            attention=Attention(tuple(first + STEP_S * i for i in range(steps)), **weights),
            notes=(
                *quality.notes(signal, speech=speech),
                *(self.bundle.domain.notes(statistics) if statistics else ()),
                *(quality.attention_notes(shares) if speech else ()),
            ),
            perhaps_from=self.bundle.perhaps_from,
            cut=tuple((start_s + start, start_s + end) for start, end in frames.spans_s(duration_s)),
            attention_on_speech={head: on_speech.get(head) for head in ENCODERS},
            domain=self.bundle.domain.of_recording(statistics) if statistics else None,
        )

    def _forward(self, features: Tensor) -> Outputs:
        """features: [T, 400] -> the average of the members' outputs."""
        with torch.inference_mode():
            outputs = [self._member_outputs(member, features) for member in self.bundle.members]
        probabilities, weights = zip(*outputs, strict=True)
        return _mean(probabilities), _mean(weights)

    def _member_outputs(self, member: Member, features: Tensor) -> Outputs:
        """features: [T, 400] -> the outputs of one member."""
        probabilities: dict[str, Tensor] = {}
        vectors: dict[str, Tensor] = {}
        weights: dict[str, Tensor] = {}
        lengths = torch.tensor([len(features)])  # [1]
        for head, (network, normalisation) in member.networks.items():
            x = normalisation.apply(features).unsqueeze(0)  # [1, T, 400]
            vectors[head], attention = network.encoder(x, lengths)  # [1, 256], [1, S]
            weights[head] = attention[0]  # [S]
            logits = member.scalings[head].of(network.classifier(vectors[head])[0])  # [4]
            probabilities[head] = torch.sigmoid(logits) if head == "mlee" else torch.softmax(logits, 0)  # [4]
        if member.fusion is not None:
            both = torch.cat([vectors[name] for name in self.bundle.fusion_encoders], dim=1)  # [1, 512]
            logits = member.scalings["fusion"].of(member.fusion(both)[0])  # [4]
            probabilities["fusion"] = torch.softmax(logits, 0)  # [4]
        return probabilities, weights


_PARTS: Mapping[str, str] = {"train": "training", "dev": "development"}


def _stretch(recording: Recording, start_s: float | None, end_s: float | None) -> tuple[int, int]:
    """The samples [first, last) of a stretch in seconds, rounded to the nearest sample."""
    first = 0 if start_s is None else round(start_s * SAMPLE_RATE)
    last = len(recording.samples) if end_s is None else round(end_s * SAMPLE_RATE)
    if not 0 <= first < last <= len(recording.samples):
        raise AudioError(
            f"the stretch {start_s} s to {end_s} s is not within {recording.path}, "
            f"which lasts {recording.duration_s:.2f} s."
        )
    return first, last


def _mean(outputs: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """For each head."""
    return {head: torch.stack([output[head] for output in outputs]).mean(0) for head in outputs[0]}
