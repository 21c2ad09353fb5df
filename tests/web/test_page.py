"""Tests of the page in a real browser, against the real server: what a person sees, hears and can do."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from liveface.app.session.pipeline import ASSETS
from tests.web.waiting import PATIENCE_MS, wait_until, wait_until_live

PORTRAIT = ASSETS / "avatars" / "maya" / "photo.png"

MADE = {"name": "me-1", "secret": "s", "photo": "/avatars/maya/photo.jpg"}  # what the server answers to a photo

# The mouth's surroundings, 32 x 16 pixels, as a list of numbers.
MOUTH = """() => {
    const video = document.querySelector("video");
    const pen = new OffscreenCanvas(32, 16).getContext("2d");
    const { videoWidth: width, videoHeight: height } = video;
    pen.drawImage(video, 0.3 * width, 0.6 * height, 0.4 * width, 0.2 * height, 0, 0, 32, 16);
    return [...pen.getImageData(0, 0, 32, 16).data];
}"""
# Resolves when the sound that arrives is loud.
HEARD = """async () => {
    const context = new AudioContext();
    const ear = new AnalyserNode(context, { fftSize: 2048 });
    context.createMediaStreamSource(document.querySelector("video").srcObject).connect(ear);
    const sound = new Float32Array(2048);
    for (;;) {
        ear.getFloatTimeDomainData(sound);
        if (Math.max(...sound) > 0.02) return context.close();
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}"""
# Keeps what is sent over data channels, and the channels.
CHANNELS = """
    window.channels = [];
    window.messages = [];
    const create = RTCPeerConnection.prototype.createDataChannel;
    RTCPeerConnection.prototype.createDataChannel = function (...about) {
        const channel = create.apply(this, about);
        const send = channel.send;
        channel.send = (text) => { messages.push(JSON.parse(text)); send.call(channel, text); };
        channels.push(channel);
        return channel;
    };
"""
# Opens microphones only when a test calls the next of `answers`, and keeps their tracks.
SLOW_MICROPHONES = """
    window.answers = [];
    window.tracks = [];
    const ask = navigator.mediaDevices?.getUserMedia;
    if (ask) navigator.mediaDevices.getUserMedia = async (...wish) => {
        const place = answers.length;
        await new Promise((answer) => answers.push(answer));
        const stream = await ask.apply(navigator.mediaDevices, wish);
        tracks[place] = stream.getTracks()[0];
        return stream;
    };
"""

Open = Callable[..., Page]


def start(page: Page) -> None:
    page.click("#start")
    wait_until_live(page)


def wait_until_the_mouth_moves(page: Page) -> None:
    page.evaluate(f"window.before = ({MOUTH})()")
    wait_until(page, f"({MOUTH})().some((value, place) => Math.abs(value - before[place]) > 40)")


def choose_file(page: Page, speech: Path) -> None:
    page.check("input[value=file]", force=True)
    page.set_input_files("#file", speech)
    expect(page.locator("#file-name")).to_contain_text("speech.wav")


def test_the_face_speaks_what_the_microphone_hears_and_is_measured(open_page: Open) -> None:
    page = open_page()
    start(page)
    wait_until_the_mouth_moves(page)
    page.evaluate(HEARD)
    assert page.evaluate("[video.videoWidth, video.videoHeight]") == [256, 256]
    for gauge, number in (
        ("fps", r"\d+fps"),
        ("skipped", r"\d+"),
        ("bitrate", r"\d\.\dMbit/s"),
        ("loss", r"[\d.]+%"),
        ("delay", r"\d+ms"),
        ("sync", r"[+−]?\d+ms"),
    ):
        expect(page.locator(f"#gauge-{gauge}")).to_have_text(re.compile(number))
    expect(page.locator("#plot")).to_have_attribute("aria-label", re.compile(r"delay \d+ to \d+ milliseconds"))
    page.click("#start")
    expect(page.locator("#state")).to_have_text("Ready")
    expect(page.locator("#gauge-fps")).to_have_text("–")


def test_a_sound_file_is_spoken_without_any_microphone(open_page: Open, speech: Path) -> None:
    page = open_page("navigator.mediaDevices.getUserMedia = () => { throw new Error('asked for a microphone') }")
    choose_file(page, speech)
    start(page)
    wait_until_the_mouth_moves(page)
    page.evaluate(HEARD)


def test_the_voice_can_be_changed_while_the_face_speaks(open_page: Open, speech: Path) -> None:
    page = open_page(CHANNELS)
    start(page)
    choose_file(page, speech)
    page.evaluate(HEARD)
    page.check("input[value=microphone]", force=True)
    page.evaluate(HEARD)
    expect(page.locator("#state")).to_have_text("Live")
    assert page.evaluate("channels.length") == 1


def test_who_turns_to_files_is_no_longer_heard(open_page: Open) -> None:
    page = open_page("""
        const ask = navigator.mediaDevices?.getUserMedia;
        if (ask) navigator.mediaDevices.getUserMedia = async (...wish) =>
            (window.heard = await ask.apply(navigator.mediaDevices, wish));
    """)
    start(page)
    page.check("input[value=file]", force=True)
    wait_until(page, "heard.getTracks()[0].readyState === 'ended'")
    expect(page.locator("#state")).to_have_text("Live")


def test_a_microphone_that_opens_after_stop_is_closed(open_page: Open, speech: Path) -> None:
    page = open_page(SLOW_MICROPHONES)
    choose_file(page, speech)
    start(page)
    page.check("input[value=microphone]", force=True)
    page.click("#start")
    expect(page.locator("#state")).to_have_text("Ready")
    page.evaluate("answers[0]()")
    wait_until(page, "tracks[0]?.readyState === 'ended'")


def test_a_microphone_that_opens_after_one_has_turned_to_files_is_closed(open_page: Open) -> None:
    page = open_page(SLOW_MICROPHONES)
    page.click("#start")
    wait_until(page, "answers.length === 1")
    page.check("input[value=file]", force=True)
    expect(page.locator("#state")).to_have_text("Ready")
    page.evaluate("answers[0]()")
    wait_until(page, "tracks[0]?.readyState === 'ended'")
    expect(page.locator("#state")).to_have_text("Ready")


def test_of_two_microphones_the_one_chosen_last_is_heard_though_the_other_one_opens_later(open_page: Open) -> None:
    page = open_page(SLOW_MICROPHONES)
    page.click("#start")
    wait_until(page, "answers.length === 1")
    page.select_option("#microphone", index=1)
    wait_until(page, "answers.length === 2")
    page.evaluate("answers[1]()")
    wait_until_live(page)
    page.evaluate("answers[0]()")
    wait_until(page, "tracks[0]?.readyState === 'ended'")
    page.evaluate(HEARD)
    assert page.evaluate("tracks[1].readyState") == "live"


def test_an_own_photo_can_be_used_and_deleted(open_page: Open) -> None:
    page = open_page()
    expect(page.locator(".portrait")).to_have_count(5)
    page.set_input_files("#photo", PORTRAIT)
    own = page.locator(".portrait", has_text="Yours")
    expect(own.locator("input")).to_be_checked(timeout=4 * PATIENCE_MS)  # the server's least urgent work
    shown = page.locator("#still").get_attribute("src")
    assert shown == own.locator("img").get_attribute("src")
    page.reload()
    expect(own).to_have_count(1)
    own.get_by_role("button", name="Delete your photo").click()
    expect(own).to_have_count(0)
    expect(page.locator("#photo-progress")).to_be_hidden()


def test_a_photo_without_a_face_is_refused_with_the_servers_reason(open_page: Open) -> None:
    page = open_page()
    page.set_input_files("#photo", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"})
    expect(page.locator("#photo-refusal")).to_have_text(re.compile(r".+: .+\.$"), timeout=4 * PATIENCE_MS)
    expect(page.locator(".portrait")).to_have_count(5)


def test_of_a_photo_with_two_people_one_can_be_chosen(open_page: Open) -> None:
    page = open_page()
    error = {"code": "photo_several_faces", "message": "The photo shows 2 faces.", "details": {"count": 2}}
    page.route("**/avatars", lambda route: route.fulfill(status=422, json={"error": error}))
    page.route("**/avatars?face=2", lambda route: route.fulfill(status=201, json=MADE))
    page.set_input_files("#photo", PORTRAIT)
    expect(page.locator("#photo-refusal")).to_have_text("The photo shows 2 faces: which one, from left to right?")
    page.get_by_role("button", name="Face 2").click()
    expect(page.locator(".portrait input:checked ~ span")).to_have_text("Yours")
    expect(page.locator("#which-face")).to_be_hidden()


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_photo_can_be_dropped_or_pasted(open_page: Open, way: str) -> None:
    page = open_page()
    page.route("**/avatars", lambda route: route.fulfill(status=201, json=MADE))
    with page.expect_request("**/avatars") as upload:
        page.evaluate(
            """(way) => {
                const data = new DataTransfer();
                data.items.add(new File(["a photo"], "me.png", { type: "image/png" }));
                const event = way === "drop" ? new DragEvent("drop", { dataTransfer: data, bubbles: true })
                    : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
                document.body.dispatchEvent(event);
            }""",
            way,
        )
    assert upload.value.method == "POST"
    assert upload.value.headers["content-type"] == "image/png"
    expect(page.locator(".portrait input:checked ~ span")).to_have_text("Yours")


def test_the_keyboard_does_all_that_buttons_do(open_page: Open) -> None:
    page = open_page(CHANNELS)
    page.keyboard.press("Space")
    wait_until_live(page)
    wait_until(page, "channels[0].readyState === 'open'")
    page.keyboard.press("i")
    page.keyboard.press("Escape")
    assert page.evaluate("messages") == [{"type": "interrupt"}] * 2
    page.keyboard.press("m")
    expect(page.locator("#mute")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("s")
    assert page.evaluate("video.muted")
    page.keyboard.press("f")
    wait_until(page, "document.fullscreenElement !== null")
    page.keyboard.press("f")
    wait_until(page, "document.fullscreenElement === null")
    page.focus("#mute")
    page.keyboard.press("Space")
    expect(page.locator("#mute")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#state")).to_have_text("Live")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    expect(page.locator("#state")).to_have_text("Ready")


def test_what_is_muted_is_not_sent(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("m")
    start(page)
    expect(page.locator("#level")).to_have_attribute("aria-valuenow", "0")
    page.keyboard.press("m")
    expect(page.locator("#level")).not_to_have_attribute("aria-valuenow", "0")


def test_the_lookahead_is_told_in_milliseconds_and_begins_a_new_conversation(open_page: Open) -> None:
    page = open_page()
    expect(page.locator("#lookahead-effect")).to_have_text("+80 ms")
    start(page)
    page.focus("#lookahead")
    with page.expect_request("**/offer") as offer:
        page.keyboard.press("ArrowRight")
    expect(page.locator("#lookahead-effect")).to_have_text("+120 ms")
    assert offer.value.post_data_json["lookahead"] == 3
    assert "conversation" not in offer.value.post_data_json
    wait_until_live(page)
    wait_until_the_mouth_moves(page)


def test_another_face_takes_the_first_ones_place(open_page: Open) -> None:
    page = open_page()
    start(page)
    with page.expect_request("**/offer") as offer:
        page.get_by_label("Samuel").check(force=True)
    assert offer.value.post_data_json["avatar"] == "samuel"
    wait_until_live(page)


def test_a_lost_connection_comes_back_to_the_same_conversation(open_page: Open) -> None:
    page = open_page(CHANNELS)
    with page.expect_response("**/offer") as first:
        start(page)
    with page.expect_response("**/offer") as second:
        page.evaluate("channels[0].dispatchEvent(new Event('close'))")
    expect(page.locator("#state")).to_have_text("Live")
    wait_until_the_mouth_moves(page)
    assert second.value.json()["conversation"] == first.value.json()["conversation"]


def test_to_leave_the_page_ends_the_conversation(open_page: Open, address: str) -> None:
    page = open_page()
    start(page)
    page.goto("about:blank")
    page.goto(address)
    wait_until(page, "(await (await fetch('health')).json()).sessions === 0")


def test_somebody_elses_conversation_can_be_watched(open_page: Open, address: str) -> None:
    page = open_page()
    with page.expect_response("**/offer") as offer:
        start(page)
    watching = page.context.new_page()
    watching.goto(f"{address}?conversation={offer.value.json()['conversation']}")
    expect(watching.get_by_role("button", name="Mute")).to_be_hidden()
    start(watching)
    wait_until_the_mouth_moves(watching)
    watching.evaluate(HEARD)


def test_nothing_is_wider_than_the_screen(open_page: Open) -> None:
    page = open_page()
    for width in (360, 600, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        for button in page.get_by_role("group", name="Controls").get_by_role("button").all():
            box = button.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
