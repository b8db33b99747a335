"""A run's report as one HTML page that needs nothing else: charts are inline SVG, no script, no request.

It says what the PDF says, from the same tables. The same report gives the same page.
"""

from __future__ import annotations

import re
from html import escape
from io import StringIO

from matplotlib.figure import Figure

from fluxfloor.reporting import charts, figures, trade_list
from fluxfloor.reporting.figures import Grid
from fluxfloor.reporting.months import monthly_returns
from fluxfloor.reporting.report import Report
from fluxfloor.reporting.tearsheet import Draw, styled

CSS = """
:root{color-scheme:light}body{font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;
color:#1c2733;background:#f4f6f8;margin:0}main{max-width:1040px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:28px;margin:0 0 2px}h2{font-size:18px;margin:36px 0 10px}p{margin:4px 0}.faint{color:#66727f}
.up{color:#0072b2}.down{color:#d55e00}.big{font-size:19px;font-weight:600;margin:8px 0 18px}
section,figure{background:#fff;border:1px solid #e3e8ed;border-radius:8px;margin:0 0 14px;padding:12px 16px}
figure svg{width:100%;height:auto;display:block}.pair{display:grid;grid-template-columns:1fr 1fr;gap:14px}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:5px 8px;border-bottom:1px solid #edf0f3;white-space:nowrap}
th{color:#66727f;font-weight:600;border-bottom-color:#b9c3cd}th:first-child,td:first-child{text-align:left}
table.own td:nth-child(2){font-weight:600}dl{display:grid;grid-template-columns:13em 9em 1fr;gap:6px 14px;margin:6px 0}
dt{grid-column:1}dd{margin:0}dd.figure{font-weight:600;text-align:right}li{margin:3px 0}
@media(max-width:720px){.pair{grid-template-columns:1fr}dl{grid-template-columns:1fr auto}dd.says{grid-column:1/3}}
"""


def page(report: Report) -> str:
    """The whole page."""
    rising = report.run.equity[-1] >= report.run.opening
    body = [
        f"<h1>{escape(report.title)}</h1>",
        f'<p class="faint">{escape(figures.subtitle(report))}</p>',
        f'<p class="big {"up" if rising else "down"}">{escape(figures.headline(report))}</p>',
        chart(report, charts.equity, 10.0, 3.6), chart(report, charts.drawdown, 10.0, 1.7),
        _section(table(figures.key_figures(report), "own"),
                 *(f'<p class="faint">{escape(told)}</p>' for told in figures.notes(report))),
        "<h2>Months and trades</h2>", chart(report, charts.months, 10.0, _months_tall(report)),
        *_trades(report), chart(report, charts.exposure, 10.0, 1.3),
        *(_section(table(grid)) for grid in figures.breakdown(report).values()),
        "<h2>How far to believe it</h2>",
        *_doubts(report),
        *_honesty(report),
        *_one_by_one(report),
    ]  # fmt: skip
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(report.title)}'
    return f"<!doctype html><html lang=en><head>{head}</title><style>{CSS}</style></head><body><main>\n" + (
        "\n".join(body) + "\n</main></body></html>\n"
    )


def chart(report: Report, draw: Draw, width: float, height: float) -> str:
    """A chart as an inline SVG. Ids within it carry the chart's name, so that charts of one page never share one."""
    out = StringIO()
    with styled():
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.add_subplot(), report)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": "Fluxfloor"}, transparent=True)
    svg = out.getvalue()[out.getvalue().index("<svg") :]
    name = draw.__name__
    svg = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf'<svg \1 role="img" aria-label="{name}">', svg, count=1)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return f"<figure>{svg.replace('xlink:href', 'href')}</figure>"


def table(grid: Grid, kind: str = "") -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in grid.header)
    rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in grid.rows)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _trades(report: Report) -> list[str]:
    if not len(report.run.trades):
        return [_section('<p class="faint">No trade was closed.</p>')]
    return [_pair(chart(report, charts.trade_returns, 5.0, 2.6), chart(report, charts.holding, 5.0, 2.6))]


def _one_by_one(report: Report) -> list[str]:
    if not len(report.run.trades):
        return []
    note = trade_list.told(report.run)
    left_out = [f'<p class="faint">{escape(note)}</p>'] if note else []
    return ["<h2>Trade by trade</h2>", _section(table(trade_list.trade_list(report.run)), *left_out)]


def _doubts(report: Report) -> list[str]:
    shown = charts.doubts(report)
    drawn = [chart(report, draw, 10.0 / len(shown), 2.4) for draw in shown]
    return [_pair(*drawn)] if len(drawn) > 1 else drawn


def _honesty(report: Report) -> list[str]:
    made = [_section(table(figures.interval_table(report), "own"))] if report.intervals else []
    told = "".join(
        f'<dt>{escape(what)}</dt><dd class="figure">{escape(figure)}</dd><dd class="says faint">{escape(says)}</dd>'
        for what, figure, says in figures.verdicts(report)
    )
    made += [_section(f"<dl>{told}</dl>")] if told else []
    made += [_section(table(figures.ablation_table(report)))] if report.ablations else []
    if report.assumptions:
        items = "".join(f"<li>{escape(item)}</li>" for item in report.assumptions)
        made.append(_section(f"<b>Assumptions</b><ul>{items}</ul>"))
    return made


def _section(*parts: str) -> str:
    return f"<section>{''.join(parts)}</section>"


def _pair(*parts: str) -> str:
    return f'<div class="pair">{"".join(parts)}</div>'


def _months_tall(report: Report) -> float:
    return 0.8 + 0.26 * len(monthly_returns(report.run)[0])
