"""The questions before an export and an import, with keys and clicks."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox

from app.dialogs.import_dialog import FileCategory, FileContents, ImportDialog, format_title
from stmask_core.cli import export, import_

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
