//! Whatever the write side accepts, both views can hold: generated commands of every kind, with values at and beyond the
//! bounds, are put to it, and nothing that it records parks, stops a view or makes a rebuild differ.
//!
//! `DAYBOOK_GENERATED_COMMANDS` sets the number of commands, `DAYBOOK_GENERATED_SEED` their seed.

mod clinic_commands;
mod commands;
mod hostile;
mod rows;

use std::collections::BTreeMap;

use daybook_commands::CommandError;
use daybook_domain::ReadModel;
use daybook_tests::clinic::Clinic;
use futures_util::{StreamExt, stream};

use self::commands::{Kind, Known, Made, execute, generate, origin};
use crate::history::{TestRng, contents, live};

/// Commands of a usual test run.
const USUAL_COMMANDS: u32 = 4000;

/// Kinds of commands.
const KINDS: usize = 11;

/// Commands between two waits for the views.
const ROUND: u32 = 1000;

/// Commands at the same time. They meet in the workers of days and in the streams of catalog, hours and routing.
const CONCURRENT: usize = 32;

fn setting(name: &str, usual: u32) -> u32 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// How many commands of each kind were accepted, and how many were refused.
#[derive(Debug, Default)]
struct Tally(BTreeMap<Kind, [u32; 2]>);

impl Tally {
    fn count(&mut self, kind: Kind, outcome: &Result<Option<Made>, CommandError>) {
        let refused = match outcome {
            Ok(_) => false,
            Err(
                CommandError::Rejected(_)
                | CommandError::Catalog(_)
                | CommandError::Hours(_)
                | CommandError::Routing(_)
                | CommandError::Access(_),
            ) => true,
            Err(error) => panic!("{kind:?} failed: {error:?}"),
        };
        self.0.entry(kind).or_default()[usize::from(refused)] += 1;
    }
}

async fn execute_round(clinic: &Clinic, rng: &mut TestRng, known: &mut Known, tally: &mut Tally, count: u32) {
    let before = known.clone();
    let commands = (0..count).map(|_| {
        let (kind, command) = generate(rng, &before);
        let origin = origin(rng);
        async move { (kind, execute(clinic, command, origin).await) }
    });
    let mut outcomes = stream::iter(commands).buffer_unordered(CONCURRENT);
    while let Some((kind, outcome)) = outcomes.next().await {
        tally.count(kind, &outcome);
        outcome.ok().flatten().into_iter().for_each(|made| known.add(made));
    }
}

async fn parked(clinic: &Clinic) -> i64 {
    let client = clinic.database.connect().await.unwrap();
    client.query_one("SELECT count(*) FROM control.parked_events", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_views_hold_whatever_the_write_side_accepts() {
    let (commands, seed) =
        (setting("DAYBOOK_GENERATED_COMMANDS", USUAL_COMMANDS), setting("DAYBOOK_GENERATED_SEED", 7));
    let clinic = Clinic::open().await.unwrap();
    let (mut rng, mut known, mut tally) = (TestRng::new(seed.into()), Known::default(), Tally::default());
    let mut left = commands;
    while left > 0 {
        let count = left.min(ROUND);
        execute_round(&clinic, &mut rng, &mut known, &mut tally, count).await;
        clinic.wait_for_views().await.unwrap();
        assert_eq!(parked(&clinic).await, 0, "seed {seed}");
        left -= count;
    }
    let mut before = Vec::new();
    for model in ReadModel::ALL {
        before.push(contents(&clinic, live(&clinic, model).await).await);
    }
    let report = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    assert!(report.compared, "{report:?}");
    for (model, before) in ReadModel::ALL.into_iter().zip(before) {
        let rebuilt = contents(&clinic, live(&clinic, model).await).await;
        assert!(rebuilt == before, "seed {seed}: the rebuilt {model} view differs from the live one");
    }
    let verdict = daybook_projections::verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
    assert!(verdict.agrees(), "seed {seed}: {verdict:?}");
    println!("{commands} commands, [accepted, refused]: {:?}, {} reservations", tally.0, report.reservations);
    assert_eq!(tally.0.len(), KINDS, "{:?}", tally.0);
    // Files have rows of both kinds, and nobody is refused to be forgotten.
    let one_sided = [Kind::ImportFile, Kind::Forget];
    for (kind, [accepted, refused]) in tally.0 {
        assert!(
            accepted > 0 && (refused > 0 || one_sided.contains(&kind)),
            "{kind:?}: {accepted} and {refused}"
        );
    }
}
