#include <algorithm>

#include "coordinator/wire/to_proto.h"
#include "proto/convert/time.h"

namespace lockstep::coordinator {

v1::Backfill ToProto(const BackfillRow& row) {
  v1::Backfill proto;
  proto.set_name(row.name);
  proto.set_after(row.after);
  proto.set_state(row.state);
  proto.set_rows_done(row.walked);
  proto.set_rows_total(std::max(row.total, row.walked));
  proto.set_rows_changed(row.changed);
  proto.set_batches(row.batches);
  proto.set_batch_rows(row.batch_rows);
  proto.set_rows_per_second(row.rows_per_second);
  const int64_t left = row.total - row.walked;
  if (row.state == "running" && row.rows_per_second > 0 && left > 0) {
    const double seconds = static_cast<double>(left) / row.rows_per_second;
    *proto.mutable_eta() = convert::ToProto(absl::Seconds(seconds));
  }
  if (row.lag.has_value()) *proto.mutable_lag() = convert::ToProto(*row.lag);
  proto.set_standing(row.stands);
  for (const std::string& holder : row.holders) proto.add_holders(holder);
  proto.set_parts(row.parts);
  proto.set_parts_done(row.parts_done);
  proto.set_run(row.run);
  proto.set_rows_left(row.rows_left);
  proto.set_left_sample(row.left_sample);
  proto.set_look(row.look);
  proto.set_error(row.error);
  proto.set_hint(row.hint);
  proto.set_settings(row.settings);
  proto.set_actor(row.actor);
  proto.set_reason(row.reason);
  if (row.started_at.has_value()) *proto.mutable_started_at() = convert::ToProto(*row.started_at);
  if (row.ended_at.has_value()) *proto.mutable_ended_at() = convert::ToProto(*row.ended_at);
  return proto;
}

}  // namespace lockstep::coordinator
