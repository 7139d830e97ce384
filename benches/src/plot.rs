//! Curves as SVG, drawn by the plotting library.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::scenario::{Growth, GrowthStep};

/// Size of the picture, pixels.
const SIZE: (u32, u32) = (900, 360);
/// One colour an engine, which colour-blind readers tell apart (after Okabe and Ito).
const COLOURS: [RGBColor; 2] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0)];

/// Time on processors of a fill over the fills that were stored already, a curve an engine.
pub fn growth(all: &[Growth]) -> Result<String> {
    let mut out = String::new();
    draw(all, &mut out).map_err(|refusal| anyhow!("the curves cannot be drawn: {refusal}"))?;
    Ok(out)
}

fn draw(all: &[Growth], out: &mut String) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(out, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let steps = || all.iter().flat_map(|growth| &growth.steps);
    let widest = steps().map(|step| millions(step.fills_after())).fold(0.0, f64::max);
    let highest = steps().map(GrowthStep::cpu_us_per_fill).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .margin(8)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..widest, 0.0..highest * 1.2)?;
    chart.configure_mesh().light_line_style(TRANSPARENT).x_desc("fills stored, millions").y_desc("processor time of a fill, µs").draw()?;
    for (growth, colour) in all.iter().zip(COLOURS) {
        let points: Vec<(f64, f64)> = growth.steps.iter().map(|step| (millions(step.fills_after()), step.cpu_us_per_fill())).collect();
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(growth.engine)
            .legend(move |(x, y)| Rectangle::new([(x, y - 4), (x + 14, y + 4)], colour.filled()));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperRight).background_style(WHITE.mix(0.8)).draw()?;
    area.present()?;
    Ok(())
}

fn millions(fills: u64) -> f64 {
    fills as f64 / 1e6
}
