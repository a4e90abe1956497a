//! Drops former generations once nobody reads them any more. It never touches a live one.

use std::collections::BTreeMap;

use chrono::Utc;
use daybook_domain::ReadModel;
use futures_util::future::try_join_all;

use super::Rebuild;
use crate::control::error::ViewError;
use crate::control::generation;
use crate::control::ids::{Generation, GenerationState};
use crate::store::tables;

impl Rebuild {
    /// Drops the oldest kept generations of each view beyond the number to keep. One that may still be read is left to the
    /// next rebuild, or waited for if none is to be kept.
    pub(super) async fn drop_old(&self) -> Result<(), ViewError> {
        if self.keep == 0 {
            tokio::time::sleep(self.last_readers).await;
        }
        let client = self.client().await?;
        let mut by_model: BTreeMap<ReadModel, Vec<(Generation, bool)>> = BTreeMap::new();
        for status in generation::list(&client).await? {
            let since = status.replaced_at.map(|at| (Utc::now() - at).to_std().unwrap_or_default());
            let unread = since.is_some_and(|since| since >= self.last_readers);
            if status.state == GenerationState::Kept {
                by_model.entry(status.generation.model).or_default().push((status.generation, unread));
            }
        }
        // One connection per view: most of the time is spent deleting files.
        let drop_all = async |kept: &Vec<(Generation, bool)>| {
            let client = self.client().await?;
            for (old, _) in kept.iter().rev().skip(self.keep).filter(|(_, unread)| *unread) {
                tables::drop_generation(&client, *old).await?;
            }
            Ok::<_, ViewError>(())
        };
        drop(client);
        try_join_all(by_model.values().map(drop_all)).await?;
        Ok(())
    }
}
