"""The page of `sotatrain demo`, as a browser shows it."""
import time

import pytest

from sotatrain.deploy.stream import picture_files

pytestmark = pytest.mark.usefixtures('registered')


@pytest.fixture
def address(trained):
    "A page that is served, for this machine only."
    pytest.importorskip('gradio')
    from sotatrain.deploy import load_model
    from sotatrain.deploy.demo import page
    shown = page(load_model(trained[1]))
    _, address, _ = shown.launch(prevent_thread_lock=True, quiet=True, inbrowser=False)
    yield address
    shown.close()


def wait_for(browser, expression, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := browser.ask(expression): return found
        time.sleep(.2)
    raise AssertionError(f'{expression} is never so: {browser.ask("document.body.innerText")}')


def test_a_dropped_picture_shows_its_probabilities(address, browser, trained, tiny):
    browser.open(address, 900, 'light')
    wait_for(browser, "document.querySelector('input[type=file]') != null")
    picture = [*picture_files(tiny/'val')][0]
    root = browser.call('DOM.getDocument')['root']['nodeId']
    found = browser.call('DOM.querySelector', nodeId=root, selector='input[type=file]')
    browser.call('DOM.setFileInputFiles', nodeId=found['nodeId'], files=[str(picture)])
    submit = "[...document.querySelectorAll('button')].find(b => b.innerText == 'Submit')"
    wait_for(browser, "document.querySelector('img') != null")
    browser.ask(f'{submit}.click()')
    name, place, probabilities = trained[0].predict(picture)
    p = probabilities[place]
    text = wait_for(browser, f"document.body.innerText.includes('{100 * p:.0f}%') && "
                             "document.body.innerText")
    assert name in text and 'probabilities' in text
    assert 'where the first class was seen' in text
    wait_for(browser, "[...document.images].filter(i => i.src.includes('file=') && "
                      "i.clientHeight > 100).length == 2")
