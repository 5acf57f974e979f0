"""``stmask validate``: what an exporter or a reviewer should know about a project."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from stmask_core.cli import print_json, printable


@click.command("validate")
@click.argument("project", type=click.Path(path_type=Path))
@click.option(
    "--rescue",
    "out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="bring what is readable of a damaged PROJECT into a new one, and look at that",
)
@click.option("--tiny", default=16, show_default=True, help="masks of fewer pixels are tiny")
@click.option("--json", "as_json", is_flag=True, help="one JSON object on standard output")
def command(project: Path, out: Path | None, tiny: int, as_json: bool) -> None:
    """List empty, tiny and overlapping masks, doubled tracks, gaps, flips and what nobody reviewed.

    Exits 0 whatever it finds, 1 only when the project cannot be read.
    """
    from stmask_core.document.validation import validate
    from stmask_core.formats.project_file import ProjectFile, rescue

    rescued = None if out is None else rescue(project, out)
    with ProjectFile.open(out or project, read_only=True) as file:
        document = file.document
        found = {video: validate(document, video, tiny_pixels=tiny) for video in document.videos}
        names = {video: record.name for video, record in document.videos.items()}
    findings = [finding for of_video in found.values() for finding in of_video]
    counts = Counter(finding.severity for finding in findings)
    if as_json:
        items = [{**asdict(finding), "video_name": names[finding.video]} for finding in findings]
        summary = {"project": str(out or project), "counts": dict(counts), "findings": items}
        print_json(summary | ({} if rescued is None else {"rescued": asdict(rescued)}))
        return
    if rescued is not None:
        click.echo(
            f"{out}: {rescued.records} records and {rescued.masks} masks rescued, without the undo history."
        )
        for line in rescued.lost:
            click.echo(f"  lost: {line}")
    for video, of_video in found.items():
        click.echo(f"{printable(names[video])}:" + ("" if of_video else " nothing to report."))
        for finding in of_video:
            click.echo(f"  {finding.severity:8}{printable(finding.message)}")
    click.echo(", ".join(f"{counts[s]} {s}s" for s in ("error", "warning", "note")))
