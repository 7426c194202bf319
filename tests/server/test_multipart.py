"""Parts of forms as clients of all kinds write them: what is a file, and what is a text."""

from __future__ import annotations

import base64

import pytest

from tests.server.live import LiveServer
from tests.server.pictures import picture

PHOTOS = {kind: picture(kind) for kind in ("PNG", "JPEG", "WEBP", "GIF")}
EXTENDED = "filename*=UTF-8''%E5%B0%8F%E8%88%B9.png"
FILES = [
    ('name="input_reference"; filename="a.png"', ""),
    ('name="input_reference"; filename=""', ""),
    (f'name="input_reference"; {EXTENDED}', ""),
    (f'{EXTENDED}; name="input_reference"', "image/png"),
    (f'name="input_reference"; {EXTENDED.replace("filename", "FileName")}', "application/octet-stream"),
    ('name="input_reference"; filename="a.png"; ' + EXTENDED, ""),
    ('name="input_reference"', "image/png"),
    ('name="input_reference"', "IMAGE/jpeg; charset=binary"),
    ('name="input_reference"', "application/octet-stream"),
    ('name="input_reference"', "text/plain"),
    ('name="input_reference"', ""),
    ('name="input_reference[]"', ""),
]


def create(server: LiveServer, disposition: str, kind: str, content: bytes) -> tuple[int, str]:
    """The status, and the operation of the task or the message."""
    lines = b""
    for name, value in (("model", "sora-2"), ("prompt", "a boat")):
        lines += f'--x\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    typed = f"\r\ncontent-type: {kind}" if kind else ""
    lines += (
        f"--x\r\nContent-Disposition: form-data; {disposition}{typed}\r\n\r\n".encode() + content + b"\r\n--x--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = server.call("POST", "/v1/videos", lines, headers=headers)
    if answer.status != 200:
        return answer.status, answer.json["error"]["message"]
    return 200, server.call("GET", f"/v1/tasks/{answer.json['id']}").json["operation"]


@pytest.mark.parametrize(("disposition", "kind"), FILES)
@pytest.mark.parametrize("photo", PHOTOS)
def test_a_part_is_a_file_where_its_content_or_its_headers_say_so(
    sandbox: LiveServer, disposition: str, kind: str, photo: str
) -> None:
    status, said = create(sandbox, disposition, kind, PHOTOS[photo])
    if photo == "GIF" and status == 400:  # no picture that the model takes, but a file
        assert "base64" not in said
    else:
        assert (status, said) == (200, "image_to_video")


@pytest.mark.parametrize("kind", ["", "text/plain", "text/plain; charset=utf-8", "application/octet-stream"])
def test_a_text_stays_a_text(sandbox: LiveServer, kind: str) -> None:
    data = f"data:image/png;base64,{base64.b64encode(PHOTOS['PNG']).decode()}".encode()
    assert create(sandbox, 'name="input_reference"', kind, data) == (200, "image_to_video")
    status, said = create(sandbox, 'name="input_reference"', kind, b"http://10.0.0.1/a.png")
    assert (status, "URL" in said) == (400, True)


def test_a_prompt_is_never_a_file(sandbox: LiveServer) -> None:
    status, said = create(sandbox, f'name="style"; {EXTENDED}', "image/png", PHOTOS["PNG"])
    assert (status, "style" in said) == (400, True)
