//! Plots as SVG, drawn by the plotting library.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::document::{Plot, PlotKind, Series};
use crate::error::ReportError;
use crate::sections::{HOUR_MS, time};

/// Size of a plot, pixels at full width.
const SIZE: (u32, u32) = (1_120, 300);
/// Names on the axis of time: more run into each other.
const TICKS_MAX: usize = 9;
/// Room beyond the highest point, as a share of the range.
const HEADROOM: f64 = 0.05;
/// Room for the legend right of the last hour, as a share of the hours.
const LEGEND_ROOM: f64 = 0.15;
/// Colours that colour-blind readers tell apart (after Okabe and Ito), repeated where there are more curves.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(110, 110, 110),
    RGBColor(148, 103, 189),
];

/// What the library says where it cannot draw.
type Refusal = Box<dyn std::error::Error>;

/// The plot as an SVG element.
pub(super) fn svg(plot: &Plot) -> Result<String, ReportError> {
    let mut out = String::new();
    let drawn = draw(plot, &SVGBackend::with_string(&mut out, SIZE).into_drawing_area());
    drawn.map_err(|refusal| ReportError::Plot { title: plot.title.clone(), message: refusal.to_string() })?;
    Ok(out)
}

fn draw(plot: &Plot, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Refusal> {
    area.fill(&WHITE)?;
    let ((first, last), (low, high)) = (hours(plot), heights(plot));
    let legend_room = (last - first) as f64 * LEGEND_ROOM;
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(84)
        .build_cartesian_2d(HourAxis { first, last, legend_room }, low..high)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(TICKS_MAX)
        .y_labels(6)
        .x_label_formatter(&|hour| hour_label(*hour))
        .y_label_formatter(&|height| short(*height))
        .draw()?;
    for (at, series) in plot.series.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let sign = if plot.kind == PlotKind::Bars && at > 0 { -1.0 } else { 1.0 };
        match plot.kind {
            PlotKind::Bars => {
                let bar = |(hour, height): &(i64, Option<f64>)| {
                    let (from, height) = (*hour as f64, (*height)?);
                    Some(Rectangle::new([(from + 0.1, 0.0), (from + 0.9, sign * height)], colour.filled()))
                };
                chart.draw_series(series.points.iter().filter_map(bar))?;
            }
            PlotKind::Lines => {
                for stretch in stretches(series) {
                    // A single hour between two gaps would be an invisible line.
                    if let [point] = stretch[..] {
                        chart.draw_series([Circle::new(point, 2, colour.filled())])?;
                    }
                    chart.draw_series(LineSeries::new(stretch, colour.stroke_width(2)))?;
                }
            }
        }
        // The legend hangs on a curve of its own, since a series may have no stretch or many.
        chart
            .draw_series(LineSeries::new(std::iter::empty::<(f64, f64)>(), colour))?
            .label(series.name.as_str())
            .legend(move |(x, y)| Rectangle::new([(x, y - 4), (x + 14, y + 4)], colour.filled()));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperRight).background_style(WHITE.mix(0.8)).draw()?;
    area.present()?;
    Ok(())
}

/// The parts of a curve without a gap.
fn stretches(series: &Series) -> Vec<Vec<(f64, f64)>> {
    let mut out: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for (hour, height) in &series.points {
        match (height, out.last_mut()) {
            // A level and a sum stand at the end of their hour.
            (Some(height), Some(last)) => last.push((*hour as f64 + 1.0, *height)),
            (None, Some(last)) if !last.is_empty() => out.push(Vec::new()),
            _ => {}
        }
    }
    out.retain(|stretch| !stretch.is_empty());
    out
}

fn hours(plot: &Plot) -> (i64, i64) {
    let all = || plot.series.iter().flat_map(|series| &series.points).map(|(hour, _)| *hour);
    (all().min().unwrap_or(0), all().max().unwrap_or(0) + 1)
}

fn heights(plot: &Plot) -> (f64, f64) {
    let mut range = (0.0_f64, 0.0_f64);
    for (at, series) in plot.series.iter().enumerate() {
        let sign = if plot.kind == PlotKind::Bars && at > 0 { -1.0 } else { 1.0 };
        for height in series.points.iter().filter_map(|point| point.1) {
            range = (range.0.min(sign * height), range.1.max(sign * height));
        }
    }
    let room = (range.1 - range.0) * HEADROOM;
    match range.0 < range.1 {
        true => (if range.0 < 0.0 { range.0 - room } else { 0.0 }, range.1 + room),
        false => (-1.0, 1.0),
    }
}

/// Hours from left to right, named at even steps counted from midnight UTC.
struct HourAxis {
    first: i64,
    last: i64,
    legend_room: f64,
}

impl Ranged for HourAxis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn range(&self) -> Range<f64> {
        self.first as f64..self.last as f64 + self.legend_room
    }

    fn map(&self, hour: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range()).map(hour, limit)
    }

    fn key_points<H: KeyPointHint>(&self, _: H) -> Vec<f64> {
        let steps = [1, 2, 3, 6, 12].into_iter().chain((1..).map(|days| days * 24));
        let of = |step: i64| ((self.first + step - 1).div_euclid(step) * step..=self.last).step_by(usize::try_from(step).unwrap_or(1));
        let fitting = steps.map(of).find(|hours| hours.clone().count() <= TICKS_MAX);
        fitting.into_iter().flatten().map(|hour| hour as f64).collect()
    }
}

fn hour_label(hour: f64) -> String {
    let text = time((hour.round() as i64) * HOUR_MS);
    format!("{} {}", &text[5..10], &text[11..16])
}

/// A height with a unit of thousands.
fn short(height: f64) -> String {
    match height.abs() {
        size if size >= 1e9 => format!("{:.1}G", height / 1e9),
        size if size >= 1e6 => format!("{:.1}M", height / 1e6),
        size if size >= 1e3 => format!("{:.1}k", height / 1e3),
        size if size >= 1.0 || size == 0.0 => format!("{height:.1}"),
        _ => format!("{height:.4}"),
    }
}
