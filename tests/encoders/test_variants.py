"""Views and precisions as parts of an encoder's name."""

from pathlib import Path

import pytest

from lookalike import load_encoder
from lookalike.encoders.encoder import check_name
from lookalike.encoders.variants import Variant, split_variant
from lookalike.errors import UnknownEncoderError


@pytest.mark.parametrize(
    ("text", "variant"),
    [
        ("resnet50", Variant("resnet50", None, None)),
        ("resnet50@whole", Variant("resnet50", "whole", None)),
        ("resnet50@bf16", Variant("resnet50", None, "bf16")),
        ("resnet50@multi@fp32", Variant("resnet50", "multi", "fp32")),
        ("resnet50@fp32@multi", Variant("resnet50", "multi", "fp32")),
        ("hf-hub:owner/name@main", Variant("hf-hub:owner/name@main", None, None)),
        ("hf-hub:owner/name@main@whole", Variant("hf-hub:owner/name@main", "whole", None)),
        ("a@b/model.safetensors@bf16", Variant("a@b/model.safetensors", None, "bf16")),
        ("resnet50@whole@multi", Variant("resnet50@whole", "multi", None)),
        ("resnet50@sideways", Variant("resnet50@sideways", None, None)),
        ("@whole", Variant("@whole", None, None)),
        ("x" * 5000 + "@whole", Variant("x" * 5000, "whole", None)),
    ],
)
def test_parts_after_an_at_sign_are_a_view_or_a_precision(text: str, variant: Variant):
    """Other parts belong to the name, and each is taken once."""
    assert split_variant(text) == variant


def test_a_file_of_the_whole_name_is_that_file(tmp_path: Path):
    """Its name isn't split."""
    file = tmp_path / "model@whole"
    file.touch()
    assert split_variant(str(file)) == Variant(str(file), None, None)


def test_a_variant_is_loaded():
    """The view and the precision of the name take precedence."""
    encoder = load_encoder("efficientnet-lite2@whole@fp32", view="multi")
    assert (encoder.spec.name, encoder.spec.view, encoder.spec.precision) == ("efficientnet-lite2", "whole", "fp32")


def test_names_can_be_checked_without_loading(tmp_path: Path):
    """Of variants, repositories and files, too; another name is an error with suggestions."""
    (tmp_path / "model.safetensors").touch()
    for name in ("auto", "resnet50@whole", "hf-hub:owner/name", f"{tmp_path}/model.safetensors@bf16"):
        check_name(name)
    with pytest.raises(UnknownEncoderError, match="resnet50"):
        check_name("resnet5@whole")
