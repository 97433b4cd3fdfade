//! What sessions send to the media plane, by kind of datagram.

use super::clock::parse_probe_reply;
use super::missing::Missing;
use super::refused::Refused;
use super::{MediaOut, MediaPlane};
use crate::api::{Event, SessionId};

impl MediaPlane {
    pub(super) fn on_bundle(
        &mut self,
        now_us: u64,
        from: SessionId,
        data: &[u8],
        out: &mut dyn MediaOut,
    ) -> Result<(), Refused> {
        let publisher = self.publishers.get_mut(&from).ok_or(Refused::NotPublishing)?;
        let room = self.rooms.get_mut(&publisher.room).ok_or(Refused::NotPublishing)?;
        let id = publisher.room;
        let done = room.forward(now_us, publisher.slot, publisher.clock.peer(now_us), data, out);
        self.schedule(id);
        done
    }

    /// What a member asks for goes to it again; of a room that the session does not hear nothing does.
    pub(super) fn on_missing(
        &mut self,
        now_us: u64,
        from: SessionId,
        data: &[u8],
        out: &mut dyn MediaOut,
    ) -> Result<(), Refused> {
        let missing = Missing::parse(data)?;
        for id in self.memberships.get(&from).into_iter().flatten() {
            if let Some(room) = self.rooms.get_mut(id).filter(|room| room.alias() == missing.alias) {
                room.answer(now_us, from, &missing, out);
                return Ok(());
            }
        }
        Err(Refused::Unasked)
    }

    /// A member of whom media stopped in mid-flow, maybe at a new address. The rest of the datagram is filling.
    pub(super) fn on_refresh(&mut self, now_us: u64, from: SessionId, out: &mut dyn MediaOut) -> Result<(), Refused> {
        let rooms = self.memberships.get(&from).ok_or(Refused::Unasked)?;
        for id in rooms {
            if let Some(room) = self.rooms.get_mut(id) {
                room.refresh(now_us, from, out);
            }
        }
        Ok(())
    }

    pub(super) fn on_reply(
        &mut self,
        now_us: u64,
        from: SessionId,
        data: &[u8],
        out: &mut dyn MediaOut,
    ) -> Result<(), Refused> {
        let reply = parse_probe_reply(data);
        if let Some(trunk) = self.trunks.get_mut(&from) {
            return Refused::of_reply(trunk.clock.on_reply(&reply?, now_us)).map_or(Ok(()), Err);
        }
        let publisher = self.publishers.get_mut(&from).ok_or(Refused::NotPublishing)?;
        let reply = reply?;
        match Refused::of_reply(publisher.clock.on_reply(&reply, now_us)) {
            Some(why) => Err(why),
            None => {
                self.tell_synced(now_us, from, out);
                Ok(())
            }
        }
    }

    /// Keeps the slot's view of its publisher's clock, and tells the first sync of a publication.
    pub(super) fn tell_synced(&mut self, now_us: u64, session: SessionId, out: &mut dyn MediaOut) {
        let Some(publisher) = self.publishers.get_mut(&session) else {
            return;
        };
        let Some(peer) = publisher.clock.peer(now_us) else {
            return;
        };
        let Some(room) = self.rooms.get_mut(&publisher.room) else {
            return;
        };
        let Some(publication) = room.publication(publisher.slot) else {
            return;
        };
        publication.synced(peer);
        if !publisher.told {
            publisher.told = true;
            out.event(Event::RoomSynced {
                room: publisher.room,
                slot: publisher.slot,
                generation: publication.generation(),
                offset_us: peer.offset_us,
                uncertainty_us: u32::try_from(peer.uncertainty_us).unwrap_or(u32::MAX),
            });
        }
    }

    pub(super) fn count_refused(&mut self, from: SessionId, why: Refused) {
        let publisher = self.publishers.get(&from);
        let room = publisher.and_then(|publisher| self.rooms.get_mut(&publisher.room));
        match (publisher, room) {
            (Some(publisher), Some(room)) => room.count_refused(publisher.slot, why, 1),
            _ => self.refused.add(why, 1),
        }
    }
}
