"""Tests of a sound file as a voice, without any connection."""

from collections.abc import Callable

from playwright.sync_api import Page

# Opens the file a second time before it closes the first voice, as one does who changes voices; whether it is heard.
REOPENED = """async () => {
    const { SoundFile } = await import("/sound_file.js");
    const context = new AudioContext();
    const noise = new AudioBuffer({ length: 10 * context.sampleRate, sampleRate: context.sampleRate });
    noise.copyToChannel(Float32Array.from({ length: noise.length }, () => Math.random() - 0.5), 0);
    const file = new SoundFile(context, "noise.wav", noise);
    const first = file.open();
    const second = file.open();
    first.close();
    file.play();
    const ear = new AnalyserNode(context, { fftSize: 2048 });
    context.createMediaStreamSource(new MediaStream([second.track])).connect(ear);
    const sound = new Float32Array(2048);
    while (context.currentTime < 5) {
        ear.getFloatTimeDomainData(sound);
        if (Math.max(...sound) > 0.02) return true;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
}"""


def test_a_file_that_was_opened_again_is_heard_though_its_first_voice_is_closed(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.click("h2")  # a page that nobody has touched may not play
    assert page.evaluate(REOPENED)
