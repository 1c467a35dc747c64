"""Reports of a run: one HTML page, JSON, CSV and Parquet, and the plots that pages share; computes no statistic."""

from microscope.evaluation.reports.files import write_reports
from microscope.evaluation.reports.heat import heat_map
from microscope.evaluation.reports.page import report_html
from microscope.evaluation.reports.parquet import write_parquet
from microscope.evaluation.reports.provenance import citation, versions
from microscope.evaluation.reports.record import record_text, report_json
from microscope.evaluation.reports.svg import difference_plot, effect_plot, interval_plot, timeline_plot
from microscope.evaluation.reports.tables import items_csv, summary_csv

__all__ = [
    "citation",
    "difference_plot",
    "effect_plot",
    "heat_map",
    "interval_plot",
    "items_csv",
    "record_text",
    "report_html",
    "report_json",
    "summary_csv",
    "timeline_plot",
    "versions",
    "write_parquet",
    "write_reports",
]
