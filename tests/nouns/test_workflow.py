"""Workflows: what of a graph may be set, what a call of one comes to, and what is wrong with one."""

from __future__ import annotations

from typing import Any

import pytest

from telecine.nouns.errors import GatewayError
from telecine.nouns.filling import values_of
from telecine.nouns.graph import graph_of
from telecine.nouns.parameters import VideoParameters, WorkflowParameters
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.nouns.workflow import Workflow
from telecine.nouns.workflows import Workflows

GRAPH: dict[str, Any] = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 1, "cfg": 8, "positive": ["6", 0], "latent_image": ["5", 0]}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 5}},
    "6": {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "a boat", "clip": ["4", 1]},
        "_meta": {"title": "Positive"},
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "model.safetensors"}},
    "10": {"class_type": "LoadImage", "inputs": {"image": "example.png", "upload": "image"}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "book", "images": ["3", 0]}},
}


STORY = "6:CLIPTextEncode.text"


def book(**more: Any) -> Workflow:
    said: dict[str, Any] = {
        "web_app_id": "37429", "name": "picture-book", "graph": graph_of(GRAPH), "prompt": "6:CLIPTextEncode.text",
        "width": "5:EmptyLatentImage.width", "height": "5:EmptyLatentImage.height",
        "count": "5:EmptyLatentImage.batch_size", "seed": "3:KSampler.seed", "image": "10:LoadImage.image",
        "inputs": ("3:KSampler.cfg", "4:CheckpointLoaderSimple.ckpt_name", "9:SaveImage.filename_prefix"),
    }  # fmt: skip
    return Workflow(**{**said, **more})


def called(values: dict[str, Any] | None = None, **more: Any) -> GenerationRequest:
    parameters = None if values is None else WorkflowParameters(input_values=values)
    return GenerationRequest(**{"operation": "workflow", "model": "picture-book", "parameters": parameters, **more})


def values(request: GenerationRequest) -> dict[str, Any]:
    assert isinstance(request.parameters, WorkflowParameters)
    return request.parameters.input_values


def test_what_a_client_says_in_any_words_fills_the_declared_inputs() -> None:
    picture = MediaInput("first_frame", url="https://me.test/a.png")
    asked = GenerationRequest(
        operation="text_to_image", model="picture-book", prompt="a kite", count=3, size="640x480", seed=7,
        inputs=(picture,),
    )  # fmt: skip
    made = values_of(book(), asked)
    assert values(made) == {
        "6:CLIPTextEncode.text": "a kite", "3:KSampler.seed": 7, "5:EmptyLatentImage.width": 640,
        "5:EmptyLatentImage.height": 480, "5:EmptyLatentImage.batch_size": 3,
    }  # fmt: skip
    assert made.operation == "workflow"
    assert made.inputs[0].fills == "10:LoadImage.image"
    assert isinstance(made.parameters, WorkflowParameters)
    assert (made.parameters.web_app_id, made.parameters.makes) == ("37429", "image")


def test_what_is_billed_is_read_back_from_the_values() -> None:
    made = values_of(book(), called({"6:CLIPTextEncode.text": "a kite", "5:EmptyLatentImage.batch_size": 4}))
    assert (made.prompt, made.count, made.size) == ("a kite", 4, "512x512")
    assert values(made)["5:EmptyLatentImage.width"] == 512, "a default that changes later changes no price"


def test_an_app_makes_as_many_as_it_usually_does_where_nobody_says_a_number() -> None:
    assert values_of(book(), called()).count == 5
    assert values_of(book(count=None), called()).count == 5
    assert values_of(book(), GenerationRequest("text_to_image", "picture-book", "a kite")).count == 1


def test_what_has_been_through_is_the_same_again() -> None:
    once = values_of(book(), called({"3:KSampler.cfg": 7.5}, prompt="a kite", seed=3))
    assert values_of(book(), once) == once


def test_an_input_may_be_named_by_the_title_of_its_node() -> None:
    assert "6:CLIPTextEncode.text" in values(values_of(book(), called({"6:Positive.text": "a kite"})))
    with pytest.raises(GatewayError, match="twice"):
        values_of(book(), called({"6:Positive.text": "a", "6:CLIPTextEncode.text": "b"}))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"99:KSampler.seed": 1}, "no node '99'"),
        ({"3:KSampler.nothing": 1}, "no field 'nothing'"),
        ({"3:KSampler.latent_image": 1}, "cannot be set"),
        ({"nonsense": 1}, "is no input"),
        ({"3:KSampler.seed": "one"}, "must be a number"),
        ({"3:KSampler.seed": True}, "must be a number"),
        ({"6:CLIPTextEncode.text": ["4", 0]}, "must be a text"),
        ({"6:CLIPTextEncode.text": None}, "must be a text"),
        ({"6:CLIPTextEncode.text": "/etc/passwd"}, "names a file"),
        ({"6:CLIPTextEncode.text": "..\\..\\secret.png"}, "names a file"),
        ({"6:CLIPTextEncode.text": " /etc/passwd\n"}, "names a file"),
        ({"10:LoadImage.image": "other.png"}, "names a file"),
        ({"4:CheckpointLoaderSimple.ckpt_name": "other.safetensors"}, "names a file"),
        ({"9:SaveImage.filename_prefix": "elsewhere"}, "names a file"),
        ({"5:EmptyLatentImage.batch_size": 0}, "1 to 100"),
        ({"5:EmptyLatentImage.batch_size": 2.5}, "whole number"),
        ({"5:EmptyLatentImage.width": 1.5}, "no size"),
    ],
)
def test_bad_values_are_refused_by_name(said: dict[str, Any], why: str) -> None:
    with pytest.raises(GatewayError, match=why) as refused:
        values_of(book(), called(said))
    assert refused.value.code == "invalid_request"


def test_a_file_that_is_there_anyway_may_be_said_and_a_prompt_may_hold_slashes() -> None:
    said = {"10:LoadImage.image": "example.png", "6:CLIPTextEncode.text": "/imagine a boat and/or ../kite"}
    assert values(values_of(book(), called(said)))["10:LoadImage.image"] == "example.png"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"negative_prompt": "fog"}, "negative_prompt"),
        ({"duration": 5.0}, "duration"),
        ({"audio": True}, "audio"),
        ({"inputs": (MediaInput("mask", url="https://me.test/m.png"),)}, "inputs.mask"),
        ({"parameters": VideoParameters(mode="pro")}, "parameters.mode"),
        ({"operation": "text_to_video"}, "operation"),
    ],
)
def test_what_the_workflow_has_no_input_for_is_refused_by_name(more: dict[str, Any], param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        values_of(book(), called(**{"prompt": "a kite", **more}))
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", param)


@pytest.mark.parametrize("flow", [book(), Workflow(web_app_id="a/text-to-image", name="a/text-to-image")])
def test_values_are_of_a_size_that_can_be_read_at_each_step(flow: Workflow) -> None:
    key = "6:CLIPTextEncode.text" if flow.graph is not None else "image_urls"
    value = "x y " * 2**18 if flow.graph is not None else ["data:image/png;base64," + "A" * 2**20]
    with pytest.raises(GatewayError) as refused:
        values_of(flow, called({key: value}))
    assert (refused.value.code, refused.value.param) == ("too_large", "parameters.input_values")


def test_two_words_for_one_thing_have_to_agree() -> None:
    with pytest.raises(GatewayError, match="different things"):
        values_of(book(), called({"6:CLIPTextEncode.text": "a kite"}, prompt="a boat"))
    with pytest.raises(GatewayError, match="makes 5, not 3"):
        values_of(book(count=5), called(count=3))


def test_more_pictures_than_inputs_are_refused() -> None:
    two = tuple(MediaInput("image", url=f"https://me.test/{one}.png") for one in "ab")
    with pytest.raises(GatewayError, match="takes 1 pictures"):
        values_of(book(), called(inputs=two))
    with pytest.raises(GatewayError, match="takes no file"):
        values_of(book(), called(inputs=(MediaInput("image", object_key="1/in/a.png", fills=STORY),)))
    with pytest.raises(GatewayError, match="must be a number"):
        values_of(book(), called(inputs=(MediaInput("image", url="https://a.test", fills="3:KSampler.cfg"),)))


def test_a_url_for_an_input_that_loads_no_file_is_a_text() -> None:
    made = values_of(book(), called(inputs=(MediaInput("image", url="https://a.test/b", fills=STORY),)))
    assert (made.inputs, values(made)[STORY], made.prompt) == ((), "https://a.test/b", "https://a.test/b")


def test_a_ratio_is_filled_in_at_the_size_of_the_graph() -> None:
    made = values_of(book(), GenerationRequest("text_to_image", "picture-book", "a", aspect_ratio="16:9"))
    assert made.size == "912x512"
    made = values_of(book(), GenerationRequest("text_to_image", "picture-book", "a", resolution="720p"))
    assert made.size == "720x720"


def test_the_graph_is_filled_and_stays_as_it_is() -> None:
    flow = book()
    filled = flow.filled({"6:CLIPTextEncode.text": "a kite"}, {"10:LoadImage.image": "telecine/ab12.png"})
    assert filled["6"]["inputs"]["text"] == "a kite"
    assert filled["10"]["inputs"]["image"] == "telecine/ab12.png"
    assert filled["9"] == {"class_type": "SaveImage", "inputs": GRAPH["9"]["inputs"], "_meta": {}}
    assert flow.graph == graph_of(GRAPH)
    with pytest.raises(GatewayError, match="cannot be set"):
        flow.filled({"10:LoadImage.upload": "image"})


def test_a_check_names_every_node_and_field_that_does_not_exist() -> None:
    broken = {**GRAPH, "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["44", 1]}}}
    flow = book(
        graph=graph_of(broken), prompt="66:CLIPTextEncode.text", seed="3:KSampler.sed", output="90",
        inputs=("3:KSampler.positive", "5:LatentImage.width", "nonsense"),
    )  # fmt: skip
    found = "\n".join(flow.check())
    for said in ("'66'", "'sed'", "node '90'", "linked to the node '6'", "not a LatentImage", "'nonsense'", "'44'"):
        assert said in found
    assert len(flow.check()) == 7
    assert book().check() == []


@pytest.mark.parametrize("raw", [[], {}, "x", {"nodes": [], "links": []}, {"1": {"inputs": {}}}, {"1": 2}])
def test_what_is_no_graph_in_the_api_format_is_refused(raw: object) -> None:
    with pytest.raises(ValueError, match=r"holds|is a workflow|is no workflow"):
        graph_of(raw)


def test_what_it_makes_is_known_from_what_it_saves() -> None:
    video = {**GRAPH, "20": {"class_type": "VHS_VideoCombine", "inputs": {"images": ["3", 0]}}}
    assert book().makes == "image"
    assert book(graph=graph_of(video)).makes == "video"
    assert book(graph=graph_of(video), output="9").makes == "image"
    webm = {"1": {"class_type": "SaveWEBM", "inputs": {"images": ["3", 0]}}}
    assert book(graph=graph_of(webm)).makes == "video"
    assert book(graph=None).makes is None
    assert book(graph=None, kind="video").makes == "video"


def test_an_app_that_nobody_has_named_takes_whatever_its_upstream_does() -> None:
    made = Workflows().understood(called({"17:Nano.prompt": "a", "5:E.batch_size": 3}, model="37429"))
    assert isinstance(made.parameters, WorkflowParameters)
    assert (made.parameters.web_app_id, made.parameters.digest, made.count) == ("37429", None, 3)
    with pytest.raises(GatewayError, match="names a file"):
        Workflows().understood(called({"18:LoadImage.image": "theirs.png"}, model="37429"))
    other = GenerationRequest("text_to_image", "some-model", "a")
    assert Workflows().understood(other) is other


@pytest.mark.parametrize("model", ["37429", "037429"])
def test_an_app_that_has_a_name_is_no_model_of_its_number(model: str) -> None:
    """Or nothing that is declared under its name, and no price of that, would hold."""
    found = Workflows([book()])
    named = found.by_app(model)
    assert named is not None
    assert named.name == "picture-book"
    with pytest.raises(GatewayError, match="'picture-book'") as refused:
        found.understood(called({"3:KSampler.steps": 1}, model=model))
    assert (refused.value.code, refused.value.param) == ("not_found", "model")


def test_an_app_has_one_number() -> None:
    made = Workflows().understood(called({"17:Nano.prompt": "a"}, model="004711"))
    assert isinstance(made.parameters, WorkflowParameters)
    assert (made.model, made.parameters.web_app_id) == ("4711", "4711")


def test_a_graph_that_has_changed_runs_only_what_comes_to_the_same() -> None:
    asked = Workflows([book()]).understood(called(prompt="a kite"))
    other = {**GRAPH, "30": {"class_type": "Note", "inputs": {}}}
    assert Workflows([book(graph=graph_of(other))]).graph_for(asked) is not None
    renamed = {**other, "6": {**GRAPH["6"], "class_type": "Text"}}
    with pytest.raises(GatewayError):
        Workflows([book(graph=graph_of(renamed), prompt="6:Text.text")]).graph_for(asked)
    fixed = Workflows([book(count=None)]).understood(called(prompt="a kite"))
    fewer = {**GRAPH, "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 1, "height": 1, "batch_size": 2}}}
    with pytest.raises(GatewayError, match="makes 2, not 5"):
        Workflows([book(graph=graph_of(fewer), count=None)]).graph_for(fixed)
    with pytest.raises(GatewayError, match="no longer"):
        Workflows().graph_for(asked)


def test_a_single_model_has_fields_of_any_kind_and_no_path() -> None:
    said = {"prompt": "a kite", "image_urls": ["https://me.test/a.png"], "shots": [{"duration": 5}], "sound": None}
    model = Workflow(web_app_id="kling-o3/image-to-video", name="kling-o3/image-to-video")
    assert values(values_of(model, called(said))) == said
    for path in ("/etc/passwd", ["../secret"], [{"a": "C:\\keys"}]):
        with pytest.raises(GatewayError, match="'prompt' names a file") as refused:
            values_of(model, called({"prompt": path}))
        assert (refused.value.code, refused.value.param) == ("invalid_request", "parameters.input_values")


def test_a_single_model_with_declared_fields_is_called_in_any_words() -> None:
    model = Workflow(
        web_app_id="kling-o3/text-to-video", name="o3", prompt="prompt", duration="duration", inputs=("sound",)
    )
    assert (model.check(), model.makes) == ([], "video")
    made = values_of(model, GenerationRequest("text_to_video", "o3", "a kite", duration=5.0))
    assert (values(made), made.duration, made.prompt) == ({"prompt": "a kite", "duration": 5}, 5.0, "a kite")
    with pytest.raises(GatewayError, match="'mode' of the workflow 'o3' cannot be set; these can: sound, prompt"):
        values_of(model, called({"mode": "pro"}))
    song = Workflow(web_app_id="ace-step/text-to-audio", name="song", duration="duration")
    assert (song.makes, Workflow(web_app_id="a/vision", name="v").makes) == ("audio", None)
