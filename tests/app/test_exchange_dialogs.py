"""The questions before an export and an import, with keys and clicks."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox

from app.dialogs.exchange_facts import FileCategory, FileContents, format_title
from app.dialogs.export_dialog import ENDINGS, ExportDialog
from app.dialogs.import_dialog import ImportDialog
from stmask_core.cli import export, import_, run_verb
from stmask_core.document.validation import Finding
from stmask_core.formats.ytvis_exchange import read_ytvis
from stmask_core.project import Project

SAMPLE = Path(__file__).resolve().parents[2] / "resources" / "sample"
VIDEOS = [("clip", Path("/v/clip.mp4")), ("street", Path("/v/street.mp4"))]


def click(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def pick(combo, text):
    """Choose an entry with the keyboard."""
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_Home)
    while text not in combo.currentText():
        before = combo.currentIndex()
        QTest.keyClick(combo, Qt.Key.Key_Down)
        assert combo.currentIndex() != before, f"no {text} among the choices"


def named(*names):
    return tuple(FileCategory(name, name) for name in names)


PERSON = named("person")


def contents(format_="ytvis", categories=PERSON, videos=("clip",), tracks=7, warnings=()):
    return FileContents(format_, categories, videos, tracks, warnings)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the sample's annotations."""
    place = tmp_path_factory.mktemp("exchange") / "sample.stm"
    source, video = str(SAMPLE / "sample.json"), str(SAMPLE / "sample.mp4")
    run_verb("import", [source, "--format", "ytvis", "--video", video, "--project", str(place)])
    return place


def test_every_format_of_the_core_has_a_title():
    for name in {*export.FORMATS, *import_.FORMATS}:
        assert format_title(name) != name


class Asked:
    """An import dialog and what it asked for."""

    def __init__(self, qtbot, source=Path("/d/train.json"), categories=("person", "dog"), **options):
        self.looks, self.qtbot = [], qtbot
        self.dialog = ImportDialog(None, VIDEOS, categories, source=source, **options)
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # looked at after it closed
        self.dialog.look_wanted.connect(self.looks.append)
        qtbot.addWidget(self.dialog)
        self.dialog.show()
        qtbot.waitExposed(self.dialog)

    def answer(self, found):
        self.dialog.show_contents(self.looks[-1], found)

    def lines(self):
        """Category in the file -> what it becomes, and what that means."""
        table = self.dialog.categories
        rows = range(table.rowCount())
        return {table.item(row, 0).text(): (table.chosen(row), table.item(row, 2).text()) for row in rows}

    def editor(self, name):
        """Open the choices of a line with Enter."""
        table = self.dialog.categories
        table.setFocus()
        table.setCurrentCell(list(self.lines()).index(name), 1)
        QTest.keyClick(table, Qt.Key.Key_Return)
        box = table.viewport().findChild(QComboBox)
        assert box is not None
        return box

    def type_target(self, name, target):
        box = self.editor(name)
        box.lineEdit().selectAll()
        QTest.keyClicks(box, target)
        QTest.keyClick(box, Qt.Key.Key_Return)
        self.qtbot.waitUntil(lambda: self.dialog.categories.viewport().findChild(QComboBox) is None)

    def confirmed(self):
        with self.qtbot.waitSignal(self.dialog.confirmed) as said:
            click(self.dialog.import_button)
        return said.args


@pytest.fixture
def asked(qtbot):
    return Asked(qtbot)


def test_equal_names_need_nobody(asked):
    assert not asked.dialog.import_button.isEnabled()
    asked.answer(contents(categories=named("Per-son", "DOG")))
    assert asked.lines() == {"Per-son": ("person", "same name"), "DOG": ("dog", "same name")}
    assert asked.dialog.import_button.text() == "Import 7 tracks"
    assert asked.confirmed() == ["ytvis", Path("/d/train.json"), Path("/v/clip.mp4"), []]


def test_another_name_is_never_guessed(asked):
    asked.answer(contents(categories=named("person", "people", "Dogs")))
    assert not asked.dialog.import_button.isEnabled()
    assert "people, Dogs" in asked.dialog.reason.text()
    asked.type_target("people", "person")
    assert asked.lines()["people"] == ("person", "another name")
    assert asked.dialog.reason.text().endswith(": Dogs")
    asked.type_target("Dogs", "wolf")
    assert asked.lines()["Dogs"] == ("wolf", "new category")
    assert asked.confirmed()[3] == ["--map", "people=person", "--map", "Dogs=wolf"]


def test_the_choices_can_be_gone_through_with_the_arrow_keys(asked):
    asked.answer(contents(categories=named("people")))
    box = asked.editor("people")
    assert [box.itemText(i) for i in range(box.count())] == ["people", "person", "dog"]
    for meaning in (("people", "new category"), ("person", "another name"), ("dog", "another name")):
        QTest.keyClick(box, Qt.Key.Key_Down)
        assert asked.lines()["people"] == meaning
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert asked.dialog.isVisible()  # Enter was meant for the line
    assert asked.confirmed()[3] == ["--map", "people=dog"]


def test_a_click_opens_the_choices_and_another_takes_one(asked):
    asked.answer(contents(categories=named("people")))
    table = asked.dialog.categories
    QTest.mouseClick(
        table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualItemRect(table.item(0, 1)).center()
    )
    choices = table.viewport().findChild(QComboBox).view()
    asked.qtbot.waitUntil(choices.isVisible)
    place = choices.visualRect(choices.model().index(2, 0)).center()

    def is_taken():  # a list that has just opened takes no click for a moment
        if choices.isVisible():
            QTest.mouseClick(choices.viewport(), Qt.MouseButton.LeftButton, pos=place)
        return asked.lines()["people"][0] == "dog"

    asked.qtbot.waitUntil(is_taken)


def test_opening_the_choices_and_leaving_decides_nothing(asked):
    asked.answer(contents(categories=named("people")))
    QTest.keyClick(asked.editor("people"), Qt.Key.Key_Escape)
    assert asked.lines()["people"] == ("", "to be decided")
    assert asked.dialog.isVisible()


def test_one_button_makes_all_others_new(asked):
    asked.answer(contents(categories=named("person", "yak", "emu")))
    click(asked.dialog.rest_button)
    assert asked.lines()["yak"] == ("yak", "new category")
    assert not asked.dialog.rest_button.isEnabled()
    assert asked.confirmed()[3] == []


def test_a_project_without_categories_takes_the_files(qtbot):
    asked = Asked(qtbot, categories=())
    asked.answer(contents(categories=named("yak", "emu")))
    assert asked.lines() == {"yak": ("yak", "new category"), "emu": ("emu", "new category")}
    assert asked.dialog.import_button.isEnabled()


def test_numbers_are_named_by_a_list_or_by_hand(asked):
    numbers = tuple(FileCategory(n, "") for n in ("1", "13"))
    asked.answer(contents("ytvis-results", numbers))
    assert asked.dialog.numbering.isVisible()
    assert asked.dialog.dataset.isVisible()
    click(asked.dialog.rest_button)
    assert set(asked.lines()) == {"Number 1", "Number 13"}
    assert not asked.dialog.import_button.isEnabled()  # a number is no name
    pick(asked.dialog.numbering, "2019")
    assert asked.lines()["1: person"] == ("person", "same name")
    asked.type_target("13: duck", "bird")
    assert asked.confirmed()[3] == ["--map", "13=bird", "--map", "1=person"]


def test_objects_without_any_category_are_named_together(asked):
    asked.answer(contents("davis", (FileCategory("*", ""),)))
    assert not asked.dialog.import_button.isEnabled()
    asked.type_target("Every object", "Dog")
    assert asked.confirmed()[3] == ["--map", "*=dog"]


def test_a_guess_is_shown_as_one_and_can_be_overruled(asked):
    assert asked.looks[0].format == ""
    asked.answer(contents("coco"))
    assert asked.dialog.format.currentText() == "COCO, frame by frame (JSON): a guess"
    pick(asked.dialog.format, "YouTube-VIS annotations")
    assert asked.looks[-1].format == "ytvis"
    assert not asked.dialog.import_button.isEnabled()
    asked.answer(contents("ytvis"))
    assert asked.confirmed()[0] == "ytvis"


def test_a_typed_path_is_looked_at_after_enter(asked):
    asked.answer(contents())
    line = asked.dialog.source
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, "/d/b.csv")
    assert not asked.dialog.import_button.isEnabled()
    assert len(asked.looks) == 1
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert asked.looks[-1].source == Path("/d/b.csv")
    assert asked.dialog.isVisible()
    asked.answer(contents("csv"))
    assert asked.confirmed()[:2] == ["csv", Path("/d/b.csv")]


def test_a_late_answer_about_another_file_is_left_aside(asked):
    asked.dialog.choose_source("/d/other.json")
    asked.dialog.show_contents(asked.looks[0], contents(tracks=99))
    asked.dialog.show_failure(asked.looks[0], "old trouble")
    assert not asked.dialog.import_button.isEnabled()
    assert "old trouble" not in asked.dialog.found.text()


def test_what_is_wrong_is_said(asked):
    asked.dialog.show_failure(asked.looks[-1], "train.json: has no list of videos.", "ytvis-results")
    assert asked.dialog.found.text() == "train.json: has no list of videos."
    assert asked.dialog.mark.isVisible()
    assert asked.dialog.dataset.isVisible()  # an annotation file may be what was wanting
    assert not asked.dialog.import_button.isEnabled()


def test_several_videos_need_a_folder_unless_one_is_meant(asked):
    asked.answer(contents(videos=("a", "b")))
    assert not asked.dialog.import_button.isEnabled()
    asked.answer(contents(videos=("a", "street")))
    pick(asked.dialog.video, "street")
    assert asked.dialog.import_button.isEnabled()
    asked.dialog.choose_root("/d/JPEGImages")
    asked.dialog.choose_root("/d/frames")
    assert asked.dialog.video.count() == 3
    QTest.keyClick(asked.dialog.skip_missing, Qt.Key.Key_Space)
    assert asked.confirmed()[2:] == [Path("/d/frames"), ["--skip-missing"]]


def test_options_of_a_format_go_along_only_with_it(asked):
    asked.answer(contents("mots"))
    pick(asked.dialog.first_frame, "number 0")
    assert asked.looks[-1].first_frame == 0
    asked.answer(contents("mots"))
    assert asked.dialog.import_button.isEnabled()
    pick(asked.dialog.format, "COCO")
    asked.answer(contents("coco"))
    assert asked.confirmed()[3] == []


def test_choices_survive_another_look_at_the_file(asked):
    asked.answer(contents("mots", named("people")))
    asked.type_target("people", "person")
    pick(asked.dialog.first_frame, "number 1")
    asked.answer(contents("mots", named("people")))
    assert asked.confirmed()[3] == ["--map", "people=person", "--first-frame", "1"]


def test_escape_imports_nothing(asked, qtbot):
    asked.answer(contents())
    with qtbot.assertNotEmitted(asked.dialog.confirmed):
        QTest.keyClick(asked.dialog, Qt.Key.Key_Escape)
    assert not asked.dialog.isVisible()


def test_tab_goes_through_the_import_from_top_to_bottom(asked):
    asked.answer(contents(categories=named("people", "dog")))
    dialog = asked.dialog
    dialog.source.setFocus()
    seen = []
    while dialog.focusWidget() not in seen:
        seen.append(dialog.focusWidget())
        QTest.keyClick(seen[-1], Qt.Key.Key_Tab)
    order = [
        dialog.source, dialog.file_button, dialog.folder_button, dialog.format, dialog.video,
        dialog.root_button, dialog.categories, dialog.rest_button,
    ]  # fmt: skip
    assert [widget for widget in seen if widget in order] == order


def test_what_the_import_asks_for_is_what_the_core_does(qtbot, tmp_path):
    source = SAMPLE / "sample.json"
    exchange = read_ytvis(source)
    asked = Asked(qtbot, source, ("somebody",), shown=0)
    names = [category.name for category in exchange.categories]
    asked.answer(contents(categories=named(*names), videos=("sample",), tracks=4))
    asked.type_target(names[0], "somebody")
    click(asked.dialog.rest_button)
    format_, path, _, words = asked.confirmed()
    place = tmp_path / "new.stm"
    video = str(SAMPLE / "sample.mp4")
    run_verb("import", [str(path), "--format", format_, "--video", video, "--project", str(place), *words])
    with Project.open(place, read_only=True) as opened:
        found = {category.name for category in opened.document.categories.values()}
    assert found == {"somebody", *names[1:]}


FINDINGS = [
    Finding("gap", "note", "Track 2 has 1 gap, 3 frames in all.", 1, 40, 3, 2),
    Finding("empty_mask", "error", "Track 1 has empty masks in 2 frames from 9 on.", 1, 9, 2, 1),
]


@pytest.fixture
def exporting(qtbot, tmp_path):
    """Makes export dialogs for a project ``clip.stm`` with its video beside it."""
    for name in ("clip.stm", "clip.mp4"):
        (tmp_path / name).write_bytes(b"dear to somebody")

    def make(videos=("clip", "street"), categories=("person", "robot"), **options):
        options.setdefault("protected", (tmp_path / "clip.stm", tmp_path / "clip.mp4"))
        dialog = ExportDialog(None, tmp_path / "clip", videos, categories, shown="street", **options)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        qtbot.addWidget(dialog)
        dialog.show()
        qtbot.waitExposed(dialog)
        return dialog

    return make


def type_path(dialog, text):
    dialog.path.setFocus()
    dialog.path.selectAll()
    QTest.keyClicks(dialog.path, str(text))


def exported(dialog, qtbot):
    with qtbot.waitSignal(dialog.confirmed) as said:
        click(dialog.export_button)
    return said.args


def test_enter_exports_to_the_place_beside_the_project(exporting, qtbot, tmp_path):
    dialog = exporting()
    assert dialog.export_button.text() == "Export clip.json"
    with qtbot.waitSignal(dialog.confirmed) as said:
        QTest.keyClick(dialog.path, Qt.Key.Key_Return)
    assert said.args == ["ytvis", tmp_path / "clip.json", ["--no-validate", "--lists"]]


def test_every_format_is_explained_and_named_on_the_button(exporting):
    dialog = exporting()
    explanations = set()
    for name in export.FORMATS:
        dialog.format.setCurrentIndex(dialog.format.findData(name))
        explanations.add(dialog.explanation.text())
        assert dialog.export_button.text() == f"Export clip{ENDINGS[name]}"
    assert len(explanations - {""}) == len(export.FORMATS)


def test_another_format_keeps_the_name_that_was_typed(exporting, tmp_path):
    dialog = exporting()
    type_path(dialog, tmp_path / "mine.json")
    pick(dialog.format, "CSV")
    assert dialog.target() == tmp_path / "mine.csv"
    type_path(dialog, "elsewhere/odd")
    pick(dialog.format, "DAVIS")
    assert dialog.target() == tmp_path / "elsewhere" / "odd"


def test_nothing_is_replaced_without_a_tick(exporting, qtbot, tmp_path):
    (tmp_path / "clip.json").write_text("{}")
    dialog = exporting()
    assert not dialog.export_button.isEnabled()
    assert "clip.json is there already" in dialog.reason.text()
    QTest.keyClick(dialog.replace, Qt.Key.Key_Space)
    assert dialog.export_button.isEnabled()
    (tmp_path / "other.json").write_text("{}")
    type_path(dialog, "other.json")
    assert not dialog.export_button.isEnabled()  # the tick was for the other file
    type_path(dialog, "fresh.json")
    assert not dialog.replace.isVisible()
    assert "--force" not in dialog.words()
    type_path(dialog, "clip.json")
    QTest.keyClick(dialog.replace, Qt.Key.Key_Space)
    assert "--force" in exported(dialog, qtbot)[2]


def test_the_second_table_of_a_csv_export_counts_too(exporting, tmp_path):
    (tmp_path / "clip.events.csv").write_text("")
    dialog = exporting(format_="csv")
    assert "clip.events.csv is there already" in dialog.reason.text()


def test_a_file_that_turned_up_meanwhile_is_seen(exporting, qtbot, tmp_path):
    dialog = exporting()
    (tmp_path / "clip.json").write_text("{}")
    with qtbot.assertNotEmitted(dialog.confirmed):
        click(dialog.export_button)
    assert dialog.isVisible()
    assert dialog.replace.isVisible()


@pytest.mark.parametrize(
    ("format_", "place"),
    [("ytvis", "clip.stm"), ("ytvis", "new.stm"), ("video", "clip.mp4"), ("davis", "."), ("csv", "link.csv")],
)
def test_project_and_videos_are_never_replaced(exporting, tmp_path, format_, place):
    (tmp_path / "link.csv").symlink_to(tmp_path / "clip.mp4")
    (tmp_path / "objects.json").write_text("{}")  # an export was made here once
    dialog = exporting(("clip",), format_=format_)
    type_path(dialog, place)
    assert not dialog.export_button.isEnabled()
    assert not dialog.replace.isVisible()


def test_only_an_earlier_export_or_an_empty_folder_is_written_into(exporting, tmp_path):
    dialog = exporting(format_="davis")
    folder = tmp_path / "clip-davis"
    folder.mkdir()
    type_path(dialog, folder)
    assert dialog.export_button.isEnabled()
    (folder / "holiday.png").write_bytes(b"")
    type_path(dialog, "clip-davis")
    assert not dialog.export_button.isEnabled()
    assert not dialog.replace.isVisible()
    (folder / "objects.json").write_text("{}")
    type_path(dialog, folder)
    QTest.keyClick(dialog.replace, Qt.Key.Key_Space)
    assert dialog.export_button.isEnabled()


def test_a_folder_is_no_file_and_a_file_no_folder(exporting, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "text").write_text("")
    dialog = exporting()
    type_path(dialog, "there")
    assert "folder" in dialog.reason.text()
    pick(dialog.format, "DAVIS")
    assert dialog.export_button.isEnabled()
    type_path(dialog, "text")
    assert "file" in dialog.reason.text()
    type_path(dialog, " ")
    assert not dialog.export_button.isEnabled()


def test_categories_of_a_list_must_all_be_decided(exporting, qtbot):
    dialog = exporting(format_="ytvis-results")
    assert not dialog.mapping.isVisible()
    pick(dialog.list, "2019")
    assert dialog.mapping.open_names() == ["robot"]
    assert not dialog.export_button.isEnabled()
    table = dialog.mapping
    table.setFocus()
    QTest.keyClick(table, Qt.Key.Key_Return)
    box = table.viewport().findChild(QComboBox)
    assert not box.isEditable()  # the list's names and no others
    QTest.keyClicks(box, "dog")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert dialog.isVisible()
    words = exported(dialog, qtbot)[2]
    assert words[1:] == ["--categories", "ytvis2019", "--map", "robot=dog"]


def test_a_list_does_not_stop_a_film(exporting, qtbot):
    dialog = exporting(format_="ytvis")
    pick(dialog.list, "OVIS")
    pick(dialog.format, "Video")
    assert dialog.video.currentText() == "street"  # a film is of one video: the one shown
    QTest.keyClick(dialog.opacity, Qt.Key.Key_Up)
    assert exported(dialog, qtbot)[2] == ["--no-validate", "--video", "street", "--opacity", "0.5"]


def test_a_film_of_all_videos_is_refused(exporting):
    dialog = exporting(format_="video")
    pick(dialog.video, "All 2 videos")
    assert not dialog.export_button.isEnabled()


def test_problems_are_asked_for_listed_and_gone_to(exporting, qtbot, tmp_path):
    dialog = ExportDialog(None, tmp_path / "clip", ["clip"], [])
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    with qtbot.waitSignal(dialog.check_again):
        dialog.show()
    assert not dialog.isModal()
    dialog.show_findings(FINDINGS)
    assert dialog.problems.summary.text() == "1 error, 1 note"
    tree = dialog.problems.tree
    place = tree.visualItemRect(tree.topLevelItem(0).child(0)).center()
    with qtbot.waitSignal(dialog.go_to) as gone:
        QTest.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert gone.args == [9, 1]
    assert dialog.isVisible()
    with qtbot.waitSignal(dialog.check_again):
        click(dialog.problems.check_button)


def test_enter_on_a_problem_goes_there_and_exports_nothing(exporting, qtbot):
    dialog = exporting()
    dialog.show_findings(FINDINGS)
    tree = dialog.problems.tree
    tree.setFocus()
    tree.setCurrentItem(tree.topLevelItem(0).child(0))
    with qtbot.assertNotEmitted(dialog.confirmed), qtbot.waitSignal(dialog.go_to):
        QTest.keyClick(tree, Qt.Key.Key_Return)
    assert dialog.isVisible()


@pytest.mark.parametrize("format_", export.FORMATS)
def test_what_the_export_asks_for_is_what_the_core_writes(project, exporting, qtbot, tmp_path, format_):
    dialog = exporting(("sample",), (), format_=format_)
    chosen, target, words = exported(dialog, qtbot)
    run_verb("export", [str(project), "--format", chosen, "--out", str(target), *words])
    assert target.is_dir() if format_ in export.FOLDERS else target.stat().st_size > 0
    again = exporting(("sample",), (), format_=format_)
    QTest.keyClick(again.replace, Qt.Key.Key_Space)
    chosen, target, words = exported(again, qtbot)
    run_verb("export", [str(project), "--format", chosen, "--out", str(target), *words])
