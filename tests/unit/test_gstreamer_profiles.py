"""The text of docs/examples/gstreamer_node.py's pipelines."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))

import gstreamer_profiles as profiles


def picture(*arguments: str) -> tuple[str, str]:
    parser = argparse.ArgumentParser()
    profiles.add_profile_options(parser)
    return profiles.picture(parser.parse_args(arguments))


def test_size_rate_and_bitrate_reach_source_and_encoder() -> None:
    codec, text = picture(
        "--encoder", "x264", "--size", "1280x720", "--fps", "25", "--bitrate", "2M"
    )
    assert codec == "H264"
    assert "video/x-raw,width=1280,height=720,framerate=25/1" in text
    assert "bitrate=2000 key-int-max=50 " in text


@pytest.mark.parametrize(
    ("encoder", "codec", "expected"),
    [
        ("vp8", "VP8", "target-bitrate=800000 keyframe-max-dist=60"),
        ("pi", "H264", "v4l2h264enc name=encoder extra-controls=controls,video_bitrate=800000,"),
        ("jetson", "H264", "nvv4l2h264enc name=encoder bitrate=800000 iframeinterval=60 "),
    ],
)
def test_encoder_has_the_bitrate(encoder: str, codec: str, expected: str) -> None:
    made, text = picture("--encoder", encoder, "--bitrate", "800k")
    assert made == codec
    assert expected in text


def test_cameras_are_sources() -> None:
    assert picture("--source", "libcamera")[1].startswith("libcamerasrc ! video/x-raw,")
    assert (
        'v4l2src device="/dev/video2" ' in picture("--source", "v4l2", "--device", "/dev/video2")[1]
    )


def test_rtsp_is_passed_through_without_an_encoder() -> None:
    codec, text = picture("--source", "rtsp", "--rtsp", 'rtsp://u:p@h/a"b ! fakesink')
    assert codec == "H264"
    assert text.startswith(r'rtspsrc location="rtsp://u:p@h/a\"b ! fakesink" protocols=tcp')
    assert "enc " not in text


@pytest.mark.parametrize(
    "arguments",
    [["--source", "rtsp"], ["--size", "big"], ["--bitrate", "fast"], ["--bitrate", "0"]],
)
def test_impossible_options_end_with_a_sentence(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="--"):
        picture(*arguments)
