"""Static sites: what `build` makes of their sources, and what it refuses."""

from __future__ import annotations

import re
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.evidence import shows
from troposphere_arch.errors import UserError
from troposphere_arch.site_files import built

SMALL = {
    "index.html": '<link rel="stylesheet" href="/assets/a.css"><script type="module" src="/assets/a.js"></script>\n'
    '<a href="/about#top">About</a> <a href="https://example.com/assets/a.js">elsewhere</a>',
    "about.html": '<img src="/assets/dot.svg"><a href="/">Home</a>',
    "assets/a.css": "@import 'b.css'; p { background: url(dot.svg) } q { background: url( \"/assets/dot.svg#x\" ) }",
    "assets/b.css": "p { color: red }",
    "assets/a.js": 'import {\n  b,\n} from "./b.js";\nexport { c } from "./deep/c.js";\n'
    'const d = () => import("./b.js");\n',
    "assets/b.js": "export const b = `/assets/dot.svg`; // from 'nowhere', import 'nothing'\n",
    "assets/deep/c.js": "import { b } from '../b.js'; export const c = b;\n",
    "assets/dot.svg": "<svg/>",
}


def site(folder: Path, **changed: str | None) -> dict[str, bytes]:
    """The small site, with these files otherwise, built."""
    for path, text in {**SMALL, **changed}.items():
        file = folder / "small" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            file.write_text(text)
    return built("small", folder)


def names(files: dict[str, bytes]) -> dict[str, str]:
    """Old path -> new path."""
    return {re.sub(r"\.[0-9a-f]{12}(?=\.\w+$)", "", path): path for path in files}


@shows("REQ-B7", "REQ-D1", how="static")
def test_assets_are_named_after_their_bytes_and_every_reference_follows(tmp_path: Path) -> None:
    made = site(tmp_path)
    new = names(made)
    assert set(new) == set(SMALL)
    assert [path for path in SMALL if new[path] == path] == ["index.html", "about.html"]
    for path, data in made.items():
        if path.startswith("assets/"):
            assert sha256(data).hexdigest()[:12] in path
    assert f'href="/{new["assets/a.css"]}"' in made["index.html"].decode()
    assert f'src="/{new["assets/a.js"]}"' in made["index.html"].decode()
    assert 'href="https://example.com/assets/a.js"' in made["index.html"].decode(), "another site's is as it was"
    assert f'src="/{new["assets/dot.svg"]}"' in made["about.html"].decode()
    sheet, dot = made[new["assets/a.css"]].decode(), Path(new["assets/dot.svg"]).name
    assert f"@import '{Path(new['assets/b.css']).name}'" in sheet
    assert f"url({dot})" in sheet
    assert f'"/assets/{dot}#x"' in sheet
    script, b = made[new["assets/a.js"]].decode(), Path(new["assets/b.js"]).name
    assert script.count(f'"./{b}"') == 2
    assert f'"./deep/{Path(new["assets/deep/c.js"]).name}"' in script
    assert f"'../{b}'" in made[new["assets/deep/c.js"]].decode()
    assert f"`/assets/{dot}`" in made[new["assets/b.js"]].decode()


def test_a_change_deep_down_gives_new_names_to_all_that_lead_there_and_to_nothing_else(tmp_path: Path) -> None:
    before = names(site(tmp_path / "before"))
    after = names(site(tmp_path / "after", **{"assets/b.js": "export const b = 2;\n"}))
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {"assets/b.js", "assets/a.js", "assets/deep/c.js"}


def test_the_same_sources_make_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "two/small").mkdir(parents=True)
    (tmp_path / "two/small/.DS_Store").write_bytes(b"hidden")
    assert site(tmp_path / "one") == site(tmp_path / "two")
    assert list(site(tmp_path / "one")) == sorted(site(tmp_path / "one"))


def test_bytes_that_are_no_text_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "small/assets").mkdir(parents=True)
    picture = bytes(range(256)) + b'"/assets/a.js"'
    (tmp_path / "small/assets/dot.webp").write_bytes(picture)
    made = site(tmp_path, **{"about.html": '<img src="/assets/dot.webp">'})
    assert made[names(made)["assets/dot.webp"]] == picture


WRONG = {
    "a missing script": (
        {"about.html": '<script src="/assets/missing.js"></script>'},
        "about.html names '/assets/missing.js'",
    ),
    "a missing page": ({"about.html": '<a href="/nowhere">x</a>'}, "names '/nowhere', and there is no such file"),
    "a missing import": ({"assets/b.js": 'import "./x.js";'}, "assets/b.js names './x.js'"),
    "an import out of the site": ({"assets/b.js": 'import "../../../x.js";'}, "names '../../../x.js'"),
    "a package": ({"assets/b.js": 'import { x } from "lodash";'}, "names 'lodash', which is not of this site"),
    "a third party's script": ({"about.html": '<script src="https://cdn.example/x.js"></script>'}, "third party"),
    "one without a scheme": ({"about.html": '<img src="//cdn.example/x.png">'}, "third party"),
    "a third party's sheet": (
        {"about.html": '<link rel="stylesheet" href="https://cdn.example/x.css">'},
        "third party",
    ),
    "a third party's module": ({"assets/b.js": 'import("https://cdn.example/x.js");'}, "third party"),
    "a third party's font": ({"assets/b.css": "@import url(https://cdn.example/x.css);"}, "third party"),
    "a link that does something": ({"about.html": '<a href="javascript:alert(1)">x</a>'}, "third party"),
    "bytes in the page": ({"about.html": '<img src="data:image/png;base64,AAAA">'}, "third party"),
    "a missing picture of a sheet": ({"assets/b.css": "p { background: url(x.svg) }"}, "assets/b.css names 'x.svg'"),
    "single quotes": ({"about.html": "<img src='/assets/dot.svg'>"}, "write it in double quotes"),
    "a circle": (
        {"assets/b.js": 'import "./deep/c.js";'},
        "can't be named after their bytes: assets/b.js -> assets/deep/c.js -> assets/b.js",
    ),
    "an unknown kind": ({"assets/x.exe": ""}, "assets/x.exe: a file's name"),
    "a name that is no address": ({"assets/x y.css": ""}, "assets/x y.css: a file's name"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_leads_nowhere_is_an_error_of_one_line(tmp_path: Path, wrong: str) -> None:
    changed, said = WRONG[wrong]
    with pytest.raises(UserError) as refusal:
        site(tmp_path, **changed)
    [line] = str(refusal.value).splitlines()
    assert line.startswith("site small: ")
    assert said in line or set(said.split()) <= set(line.split()), line


def test_a_site_needs_a_first_page_and_text_in_utf_8(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no .*index\.html"):
        built("none", tmp_path)
    (tmp_path / "small").mkdir()
    (tmp_path / "small/about.html").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"about\.html is not written in UTF-8"):
        site(tmp_path, **{"about.html": None})


# --- the starter site of the blog


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style"):
            self.inline += data.strip()

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


BLOG = built("blog")
PAGES = sorted(path for path in BLOG if path.endswith(".html"))
MOST_BYTES = 100_000


@shows("REQ-B3", "REQ-B7", how="static")
def test_the_blog_has_all_its_pages_in_less_than_100_kb() -> None:
    wanted = {"index", "post", "subscribe", "confirm", "leave", "sign-in", "write", "404", "error"}
    assert {path.removesuffix(".html") for path in PAGES} == wanted
    size = sum(len(data) for path, data in BLOG.items() if path.endswith((".html", ".css", ".js")))
    assert size < MOST_BYTES, size


@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_the_blog_has_nothing_inline_and_nothing_of_others(path: str) -> None:
    page = Page(BLOG[path].decode())
    assert page.inline == ""
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name == "style" or name.startswith("on")], (tag, attributes)
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "/").startswith(("/", "#")), (tag, attributes)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_the_blog_can_be_used_by_everybody(path: str) -> None:
    text = BLOG[path].decode()
    page = Page(text)
    assert page.all("html") == [{"lang": "en"}]
    assert page.all("title")
    assert page.all("main") == [{"id": "main", "tabindex": "-1"}]
    assert page.all("a")[0]["href"] == "#main", "the first that one comes to leads over the navigation"
    assert [one for one in page.all("meta") if one.get("name") == "viewport"]
    if page.all("form"):
        assert "<noscript>" in text
        assert {form.get("method") for form in page.all("form")} == {"post"}, "nothing typed ends in an address"
        assert all("disabled" in fields for fields in page.all("fieldset")), "nothing is sent without the script"
    fields = len(page.all("input")) + len(page.all("textarea"))
    assert len(page.all("label")) == fields, "each field has its label around it"


def test_the_blog_never_makes_markup_of_text() -> None:
    never = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|localStorage|cookie"
    )
    for path, data in BLOG.items():
        if path.endswith(".js"):
            assert not never.search(data.decode()), path


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    digits = colour.removeprefix("#")
    digits = "".join(one * 2 for one in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_text_of_the_blog_stands_out_from_its_ground(scheme: str) -> None:
    [sheet] = [data.decode() for path, data in BLOG.items() if path.endswith(".css")]
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+);", part)) for part in sheet.split("@media", 1))
    assert light.keys() == dark.keys()
    colours = {"light": light, "dark": dark}[scheme]
    pairs = [(name, "ground") for name in ("text", "soft", "link", "error")] + [("on-button", "button")]
    for text, ground in pairs:
        lighter, darker = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        # Level AA: https://www.w3.org/TR/WCAG22/#contrast-minimum
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (text, ground)
