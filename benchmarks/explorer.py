"""The explorer in a browser without a graphics card: frames of a large map, and moves of sliders.

    python benchmarks/explorer.py RUN [--points 50000] [--frames 30] [--moves 20]

Points are drawn at random and given to the page of the run, which is panned a hundredth of its
width a frame; a frame is from the change of the range until the one after it could be painted. A
move is from the input of a slider until its picture is painted, the server being this machine.
Chromium is found as in the tests (PHENOVAE_CHROMIUM or the PATH) and paints in software. The load
average of the machine stands beside the figures: others at work make them larger.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Page

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
NAMES = ("chromium", "chromium-browser", "google-chrome")

PAN = """async ([count, frames]) => {
  const { scatter } = Phenovae.page;
  const random = () => Math.random() + Math.random() - 1;
  const x = Float64Array.from({ length: count }, random);
  const y = Float64Array.from({ length: count }, random);
  const inks = ["#2b1e8c", "#0f7a3a", "#d4301c", "#7d1b57", "#0a78e0", "#808080"];
  const colours = Array.from(x, (_, at) => inks[at % inks.length]);
  const markers = new Array(count).fill("circle");
  const painted = () => new Promise((done) => {
    requestAnimationFrame(() => requestAnimationFrame(done));
  });
  const since = performance.now();
  scatter.draw({ x, y, colours, markers, hidden: null, labels: ["x", "y"], refit: true });
  await painted();
  const first = performance.now() - since;
  const { x_range: range } = scatter.figure;
  const times = [];
  for (let frame = 0; frame < frames; frame += 1) {
    const begin = performance.now();
    const step = (range.end - range.start) / 100;
    range.setv({ start: range.start + step, end: range.end + step });
    await painted();
    times.push(performance.now() - begin);
  }
  const still = [];
  for (let frame = 0; frame < frames; frame += 1) {
    const begin = performance.now();
    await painted();
    still.push(performance.now() - begin);
  }
  return { first, times, still };
}"""


def summary(values: list[float]) -> str:
    """Median and 90th percentile [ms]."""
    middle, high = np.percentile(values, [50, 90])
    return f"median {middle:.0f} ms, 90th percentile {high:.0f} ms"


def measure_map(page: Page, points: int, frames: int) -> None:
    """Print how long frames take while a map of so many points is panned."""
    told = page.evaluate(PAN, [points, frames])
    print(f"{points:,} points, first frame: {told['first']:.0f} ms")
    print(f"{points:,} points, frames while panning: {summary(told['times'])}")
    print(f"the same wait with nothing to paint: {summary(told['still'])}")


def measure_moves(page: Page, moves: int) -> None:
    """Print how long a picture takes after a slider was moved."""
    page.reload()
    page.wait_for_selector("body[data-ready]")
    page.fill("#find", "a")
    page.press("#find", "Enter")
    page.wait_for_selector("#sliders input")
    page.wait_for_function("() => document.getElementById('speed').dataset.spent")
    slider = page.locator("#sliders input").first
    slider.focus()
    whole, server = [], []
    for _ in range(moves):
        page.evaluate("delete document.getElementById('speed').dataset.spent")
        page.keyboard.press("ArrowRight")
        page.wait_for_function("() => document.getElementById('speed').dataset.spent")
        whole.append(float(page.get_attribute("#speed", "data-spent") or "nan"))
        server.append(float(page.inner_text("#speed").partition("(")[2].partition(" ms")[0]))
    print(f"a move of a slider to its picture: {summary(whole)}")
    print(f"of it decoding: {summary(server)}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--moves", type=int, default=20)
    asked = parser.parse_args()
    named = os.environ.get("PHENOVAE_CHROMIUM")
    browser_path = named or next(found for name in NAMES if (found := shutil.which(name)))
    command = [sys.executable, "-m", "phenovae", "explore", str(asked.run), "--no-browser"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.set_default_timeout(300_000)
            page.goto(address)
            page.wait_for_selector("body[data-ready]")
            measure_map(page, asked.points, asked.frames)
            measure_moves(page, asked.moves)
            browser.close()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
    one, five, _ = os.getloadavg()
    print(f"{os.cpu_count()} cores, load average {one:.1f} (1 minute), {five:.1f} (5 minutes)")


if __name__ == "__main__":
    main()
