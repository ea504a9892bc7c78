"""The explorer as a reader uses it, in a headless Chromium; skipped where there is none."""

import shutil

import numpy as np
import pytest
from shared_study import SAMPLES, make_study
from test_explorer import WITH_NEW, build

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDE, NARROW = {"width": 1400, "height": 850}, {"width": 420, "height": 850}


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    study = make_study(folder)
    new = {"projections": study["projections"][:1], "dataset": WITH_NEW}
    build(study, folder / "explorer.html", **new)
    return study | {"address": (folder / "explorer.html").as_uri()}


@pytest.fixture
def problems():
    return []


@pytest.fixture
def page(browser, study, problems):
    """The page, opened without a network; what the console complains of is collected."""
    yield from opened(browser, study, problems, WIDE)


@pytest.fixture
def narrow(browser, study, problems):
    yield from opened(browser, study, problems, NARROW)


def opened(browser, study, problems, viewport):
    context = browser.new_context(viewport=viewport, offline=True)
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("request", lambda r: problems.append(r.url) if r.url.startswith("http") else None)
    page.goto(study["address"])
    page.wait_for_selector("html[data-ready]", timeout=30_000)
    yield page
    context.close()


#: Where a sample stands in an embedding, in pixels of the window.
PLACE = """([number, i]) => {
  const { frame } = Bokeh.index.find_one_by_id(panels[number].figure.id);
  const box = panels[number].plot.getBoundingClientRect();
  return [box.left + frame.x_scale.compute(source.data[`x${number}`][i]),
          box.top + frame.y_scale.compute(source.data[`y${number}`][i])];
}"""


def place(page, number: int, sample: int) -> np.ndarray:
    return np.array(page.evaluate(PLACE, [number, int(sample)]))


def lasso(page, number: int, inside) -> None:
    """Draw a loop with the mouse around some samples, 8 pixels off the outermost."""
    points = np.array([place(page, number, sample) for sample in inside])
    (left, top), (right, bottom) = points.min(axis=0) - 8, points.max(axis=0) + 8
    page.mouse.move(left, top)
    page.mouse.down()
    for corner in ((right, top), (right, bottom), (left, bottom), (left, top)):
        page.mouse.move(*corner, steps=5)
    page.mouse.up()


def colours(page) -> list[int]:
    return page.evaluate("Array.from(source.data.colour)")


def test_it_opens_without_errors_and_without_a_network(page, problems):
    assert problems == []
    assert page.inner_text("#status") == f"{SAMPLES} samples, coloured by cancer type."
    assert page.locator(".plot canvas").count() >= 2


def test_colours_follow_the_chosen_column_and_feature(page, problems, study):
    types = colours(page)
    assert len(set(types)) == 2
    page.select_option("#kind", label="features of vae · grid")
    assert page.inner_text("#note").startswith("Its weights raise XIST")
    shades = colours(page)
    assert len(set(shades)) > 50
    page.select_option("#kind", label="genes")
    page.select_option("#item", label="KRT5")
    assert colours(page) != shades
    page.select_option("#kind", label="clinical column")
    assert colours(page) == types
    assert problems == []


def test_a_lasso_updates_the_tables_and_every_map(page, problems, study):
    chosen = np.flatnonzero(study["obs"]["cancer_type"] == "BBB")
    lasso(page, 1, chosen)
    page.wait_for_selector("#apart-rows button")
    picked = page.evaluate("source.selected.indices").copy()
    assert sorted(picked) == chosen.tolist()
    assert page.inner_text("#summary") == f"{len(chosen)} of {SAMPLES} samples (33 %)."
    assert page.inner_text("#composition-rows tr") == f"BBB\t{len(chosen)}\t100 %\t0 %"
    # z1 is 1 higher in BBB: no overlap at 5 standard deviations, so an AUROC of 1.
    first = page.inner_text("#apart-rows tr >> nth=0").split("\t")
    assert first[:2] == ["z1", "1.00"]
    assert float(first[2]) - float(first[3]) == pytest.approx(1, abs=0.1)
    page.select_option("#compared", label="genes")
    assert page.inner_text("#apart-rows tr >> nth=0").startswith("XIST\t1.00")
    page.click("#apart-rows button >> nth=0")
    assert page.inner_text("#status").endswith("coloured by XIST.")
    page.keyboard.press("Escape")
    assert page.evaluate("source.selected.indices.length") == 0
    assert page.is_hidden("#apart")
    assert problems == []


def test_a_group_is_selected_from_the_legend_with_the_keyboard(page, study):
    page.focus(".group >> nth=1")
    page.keyboard.press("Enter")
    n = int((study["obs"]["cancer_type"] == "BBB").sum())
    assert page.inner_text("#status") == f"{n} samples selected."
    assert page.get_attribute(".group >> nth=1", "aria-pressed") == "true"
    page.keyboard.press("Enter")
    assert page.inner_text("#status") == "Nothing is selected."


def test_a_sample_is_found_by_its_id_and_shown(page, study):
    page.fill("#wanted", "s-0007")
    page.press("#wanted", "Enter")
    assert page.evaluate("source.selected.indices") == [7]
    shown = page.inner_text("#details")
    assert "S-0007" in shown and study["obs"]["cancer_type"].iloc[7] in shown
    page.fill("#wanted", "no such sample")
    page.press("#wanted", "Enter")
    assert page.inner_text("#status") == "No sample has “no such sample” in its id."


def test_the_sample_under_the_mouse_is_named(page, study):
    at = place(page, 0, 3)
    page.mouse.move(at[0] - 30, at[1])
    page.mouse.move(*at)
    shown = "document.querySelector('.bk-Tooltip')?.shadowRoot.textContent"
    page.wait_for_function(f"/S-[0-9]{{4}}.*cancer type: (AAA|BBB)/s.test({shown})")


def test_the_chosen_samples_are_saved_as_a_table(page):
    page.fill("#wanted", "S-000")
    page.press("#wanted", "Enter")
    with page.expect_download() as download:
        page.click("#save")
    lines = download.value.path().read_text().splitlines()
    assert lines == ["sample", *(f"S-{i:04d}" for i in range(10))]


def test_maps_can_be_changed_and_added(page, problems):
    page.select_option(".map select >> nth=0", label="PCA of codes of pca")
    label = page.get_attribute(".plot >> nth=0", "aria-label")
    assert label == f"PCA of codes of pca: {SAMPLES} samples, coloured by cancer type"
    assert "preserves 42 % of a sample's 10 nearest" in page.text_content(".kept >> nth=0")
    page.select_option("#count", "4")
    page.wait_for_timeout(500)
    assert page.locator(".plot").count() == 4
    assert problems == []


def test_new_samples_are_a_layer_that_can_be_switched_on(page, problems):
    shown = "panels.map((panel) => panel.marks.map((mark) => mark.visible))"
    page.select_option("#count", "4")
    page.wait_for_timeout(500)
    assert page.evaluate(shown) == [[False]] * 4
    before = colours(page)
    page.check("#layer-0")
    assert page.inner_text("#status") == (
        "12 new samples of clinic are shown in t-SNE of codes of vae · grid."
    )
    named = page.evaluate("panels.map((panel) => data.maps[panel.number].name)")
    there = [[name == "t-SNE of codes of vae · grid"] for name in named]
    assert page.evaluate(shown) == there and sum(map(sum, there)) == 1
    assert colours(page) == before and len(before) == SAMPLES
    # The map makes room for them: they lie above all others.
    tops = page.evaluate("panels.map((panel) => panel.figure.y_range.end)")
    assert tops[there.index([True])] > 20
    entries = page.locator(".layer-legend li").all_inner_texts()
    assert [entry.split() for entry in entries] == [["drug", "6"], ["none", "6"]]
    page.select_option(".layer select", label="predicted cancer type")
    entries = page.locator(".layer-legend li").all_inner_texts()
    assert entries == ["BBB 11", "not sure 1"]
    assert page.evaluate("layers[0].source.data.shown[0]") == "predicted cancer type: not sure"
    page.select_option(".layer select", label="distance rank")
    assert len(set(page.evaluate("Array.from(layers[0].source.data.colour)"))) == 12
    page.uncheck("#layer-0")
    assert page.evaluate(shown) == [[False]] * 4
    assert problems == []


def test_new_samples_are_brought_up_where_no_map_shows_them(page, problems):
    for number in range(2):
        page.select_option(f".map select >> nth={number}", label="PCA of genes")
    page.check("#layer-0")
    assert page.evaluate("data.maps[panels[1].number].name") == "t-SNE of codes of vae · grid"
    assert page.evaluate("panels[1].marks[0].visible")
    assert problems == []


def test_every_control_has_a_name(page):
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, select, input")].filter((control) =>
        !(control.labels?.length || control.ariaLabel || control.textContent.trim())).length"""
    )
    assert unnamed == 0


def test_on_a_narrow_window_nothing_hangs_over(narrow, problems):
    assert narrow.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    assert narrow.locator(".plot").count() == 1
    assert problems == []
