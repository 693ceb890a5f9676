#include "coordinator/fleet/ends.h"

namespace lockstep::coordinator {

absl::Duration QuietBeforeEnd(const Durations& durations) { return durations.session_ttl * 2; }

Move NextMove(const EndFacts& facts, const EndView& view) {
  const Durations& d = view.durations;
  if (facts.said_goodbye) return Move::kClose;
  if (!facts.admitted) return facts.silent > d.waiting_grace ? Move::kClose : Move::kNone;
  if (facts.silent <= d.session_ttl) return Move::kNone;
  const bool may_expire = view.settled && !view.frozen;
  if (facts.stops && !facts.direct && may_expire) return Move::kExpireTtl;
  if (!facts.suspect) return Move::kSuspect;
  if (!view.settled) return Move::kNone;
  if (!facts.quiet.has_value() || *facts.quiet < QuietBeforeEnd(d)) return Move::kNone;
  // Somebody's word about this one session: no brake is needed.
  if (facts.attested) return Move::kExpireAttested;
  if (facts.superseded) return Move::kExpireNewerStart;
  return may_expire && facts.suspect_for >= d.suspect_expiry ? Move::kExpirePolicy : Move::kNone;
}

}  // namespace lockstep::coordinator
