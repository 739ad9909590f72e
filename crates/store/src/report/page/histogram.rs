//! How numbers are distributed, in two passes: the first shows where most of them lie, the second counts.

use super::super::plot::Points;
use super::sample::{Sample, quantile};

/// Numbers that decide the range, at most.
const SAMPLED: usize = 4000;

/// Bars, at most.
const BINS: usize = 60;

/// What the first pass finds.
#[derive(Debug)]
pub(super) struct Survey {
    sample: Sample<f64>,
    least: f64,
    most: f64,
    sum: f64,
}

impl Survey {
    pub(super) fn new() -> Self {
        Self { sample: Sample::new(SAMPLED), least: f64::INFINITY, most: f64::NEG_INFINITY, sum: 0.0 }
    }

    /// Takes in the number of the row in this place.
    pub(super) fn see(&mut self, place: u64, number: f64) {
        self.sample.see(place, number);
        (self.least, self.most) = (self.least.min(number), self.most.max(number));
        self.sum += number;
    }

    /// Least, median, mean, largest; `None` of none. The median of many is that of a sample.
    pub(super) fn summary(&self) -> Option<[f64; 4]> {
        let sorted = self.sorted();
        Some([self.least, quantile(&sorted, 0.5)?, self.sum / self.n() as f64, self.most])
    }

    /// How many there are.
    pub(super) fn n(&self) -> u64 {
        self.sample.n_seen()
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted: Vec<f64> = self.sample.rows().copied().collect();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// Where nearly all lie: a number far from the others does not flatten them.
    fn range(&self) -> Option<(f64, f64)> {
        let sorted = self.sorted();
        let (low, high) = (quantile(&sorted, 0.25)?, quantile(&sorted, 0.75)?);
        // Beyond three times the middle half lies nothing of a bell, and little of other shapes.
        let margin = 3.0 * (high - low);
        let all = (self.least, self.most);
        Some(if margin > 0.0 { ((low - margin).max(all.0), (high + margin).min(all.1)) } else { all })
    }
}

/// Bins of one width for several series.
#[derive(Debug)]
pub(super) struct Histogram {
    low: f64,
    width: f64,
    /// By series.
    counts: Vec<Vec<u64>>,
    /// Numbers below and above all bins.
    outside: [u64; 2],
}

impl Histogram {
    /// Empty, over what these series have in common or apart; `None` where there is no number.
    pub(super) fn over(series: &[&Survey]) -> Option<Self> {
        let ranges: Vec<(f64, f64)> = series.iter().filter_map(|survey| survey.range()).collect();
        let low = ranges.iter().map(|range| range.0).reduce(f64::min)?;
        let high = ranges.iter().map(|range| range.1).reduce(f64::max)?;
        let n: u64 = series.iter().map(|survey| survey.n()).max().unwrap_or(0);
        let bins = ((2.0 * (n as f64).cbrt()).ceil() as usize).clamp(8, BINS);
        let (low, high) = if high > low { (low, high) } else { (low - 0.5, low + 0.5) };
        Some(Self {
            low,
            width: (high - low) / bins as f64,
            counts: vec![vec![0; bins]; series.len()],
            outside: [0; 2],
        })
    }

    /// Counts a number of a series.
    pub(super) fn count(&mut self, series: usize, number: f64) {
        let Some(counts) = self.counts.get_mut(series) else { return };
        let bins = counts.len();
        let place = (number - self.low) / self.width;
        // The last bin has its upper edge, with what rounding puts beyond it.
        let is_last = place >= bins as f64 && place <= bins as f64 * (1.0 + 1e-12);
        match place {
            place if place < 0.0 => self.outside[0] += 1,
            place if place < bins as f64 => counts[place as usize] += 1,
            _ if is_last => counts[bins - 1] += 1,
            _ => self.outside[1] += 1,
        }
    }

    /// Numbers below and above what is drawn.
    pub(super) fn outside(&self) -> [u64; 2] {
        self.outside
    }

    /// The outline of the bars of a series.
    pub(super) fn outline(&self, series: usize) -> Points {
        let counts = self.counts.get(series).map(Vec::as_slice).unwrap_or_default();
        let edge = |bin: usize| self.low + self.width * bin as f64;
        let bars = counts.iter().enumerate();
        let steps = bars.flat_map(|(bin, n)| [(edge(bin), *n as f64), (edge(bin + 1), *n as f64)]);
        [(self.low, 0.0)].into_iter().chain(steps).chain([(edge(counts.len()), 0.0)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(numbers: &[f64]) -> (Survey, Histogram) {
        let mut survey = Survey::new();
        numbers.iter().zip(0..).for_each(|(number, place)| survey.see(place, *number));
        let mut histogram = Histogram::over(&[&survey]).unwrap();
        numbers.iter().for_each(|number| histogram.count(0, *number));
        (survey, histogram)
    }

    #[test]
    fn every_number_is_counted_once() {
        let numbers: Vec<f64> = (0..10_000).map(|k| f64::from(k % 100) * 0.01).collect();
        let (survey, histogram) = counted(&numbers);
        assert_eq!(histogram.counts[0].iter().sum::<u64>() + histogram.outside.iter().sum::<u64>(), 10_000);
        assert_eq!(histogram.outside(), [0, 0]);
        let [least, median, mean, most] = survey.summary().unwrap();
        assert_eq!((least, most), (0.0, 0.99));
        assert!((mean - 0.495).abs() < 1e-9 && (median - 0.5).abs() < 0.03, "{mean} {median}");
    }

    #[test]
    fn one_far_away_does_not_flatten_the_rest_and_is_named() {
        let mut numbers: Vec<f64> = (0..1000).map(|k| f64::from(k) * 1e-3).collect();
        numbers.push(1e6);
        let (survey, histogram) = counted(&numbers);
        assert_eq!(histogram.outside(), [0, 1]);
        assert_eq!(survey.summary().unwrap()[3], 1e6);
        assert!(histogram.outline(0).iter().all(|(x, _)| *x < 2.5));
    }

    #[test]
    fn equal_numbers_have_a_bar() {
        let (_, histogram) = counted(&[2.0; 5]);
        assert_eq!(histogram.outline(0).iter().map(|(_, n)| *n).fold(0.0, f64::max), 5.0);
        assert!(Histogram::over(&[&Survey::new()]).is_none());
    }
}
