#!/usr/bin/python3
"""Pictures of the console with invented data: dark and light, desktop and phone, each view.

    shot.py CONSOLE_SAMPLE FOLDER
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from laboratory.browser import Browser

SIZES = {"desktop": (1280, 860), "phone": (360, 760)}


class Sample:
    """console_sample in a folder of its own."""

    def __init__(self, program, invented=None):
        self.folder = tempfile.mkdtemp(prefix="sallyport-shot-")
        command = [program, self.folder] + ([str(invented)] if invented else [])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError("the sample did not start")

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        shutil.rmtree(self.folder)


def press(key):
    return f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))"


def click(selector):
    return f"document.querySelector({json.dumps(selector)}).click()"


VIEWS = {
    "pending": ("", "document.querySelectorAll('#pending-list .row').length > 5"),
    "question": (click("#pending-list .group:first-child .opener"), "document.querySelector('.choose')"),
    "connections": (press("2"), "document.querySelectorAll('.tr').length > 3"),
    "audit": (press("3"), "document.querySelectorAll('.record').length > 20"),
    "grants": (press("4"), "document.querySelectorAll('.row.grant').length > 2"),
    "policy": (press("5") + "; setTimeout(() => { const form = document.getElementById('explain-form');"
               " form.elements.url.value = 'https://uploads.github.com/repos/acme/app/releases/1';"
               " form.elements.agent.value = 'release-bot'; form.elements.method.value = 'POST';"
               " form.requestSubmit(); }, 300)", "document.querySelector('.answer')"),
    "tokens": (press("6") + "; setTimeout(() => { const form = document.getElementById('tokens-form');"
               " form.elements.name.value = 'ann-' + Date.now(); form.requestSubmit(); }, 300)", "document.querySelector('.secret')"),
}


def shoot(browser, sample, folder, theme):
    for size, (width, height) in SIZES.items():
        browser.resize(width, height)
        browser.open("about:blank")
        browser.open(sample.url)
        for view, (script, ready) in VIEWS.items():
            if script:
                browser.run(script)
            browser.wait(ready)
            time.sleep(0.4)  # for transitions: a picture has no event to wait for
            browser.picture(folder / f"{view}-{size}-{theme}.png")
            wide = browser.run("return document.documentElement.scrollWidth - window.innerWidth")
            if wide > 0:
                print(f"{view} at {size}: {wide} pixels too wide", file=sys.stderr)


def shoot_thousand(browser, program, folder):
    sample = Sample(program, 1000)
    try:
        browser.resize(*SIZES["desktop"])
        browser.open("about:blank")
        begun = time.monotonic()
        browser.open(sample.url)
        browser.wait("document.querySelectorAll('#pending-list .row').length >= 1000")
        print(f"1,000 questions shown after {time.monotonic() - begun:.2f} s")
        time.sleep(0.4)
        browser.picture(folder / "thousand-desktop-light.png")
        browser.resize(*SIZES["phone"])
        time.sleep(0.4)
        browser.picture(folder / "thousand-phone-light.png")
    finally:
        sample.close()


def main(program, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for theme in ("light", "dark"):
        browser = Browser(theme=theme)
        sample = Sample(program)
        try:
            shoot(browser, sample, folder, theme)
            if theme == "light":
                browser.resize(*SIZES["desktop"])
                browser.open("about:blank")
                browser.open(sample.url.split("#")[0])
                browser.run("sessionStorage.clear()")
                browser.open("about:blank")
                browser.open(sample.url.split("#")[0])
                browser.wait("!document.getElementById('view-token').hidden")
                browser.picture(folder / "token-desktop-light.png")
                shoot_thousand(browser, program, folder)
            for complaint in browser.complaints():
                print("browser:", complaint, file=sys.stderr)
        finally:
            sample.close()
            browser.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
