#include "ctl/direct/offline_backfills.h"

#include "absl/strings/str_cat.h"

#include "coordinator/store/backfill_store.h"
#include "coordinator/wire/to_proto.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/catalog/bootstrap.h"
#include "engine/postgres/connection.h"

namespace lockstep::ctl {

absl::StatusOr<v1::ListBackfillsResponse> ListBackfillsOffline(const std::string& database,
                                                               const std::string& name) {
  ASSIGN_OR_RETURN(
      const auto connection,
      postgres::Connection::Open({.conninfo = database, .application_name = "lockstep-direct"}));
  ASSIGN_OR_RETURN(const int schema, catalog::SchemaVersion(*connection));
  RETURN_IF_ERROR(catalog::CheckSchemaVersion(schema));
  v1::ListBackfillsResponse response;
  if (schema == 0 && name.empty()) return response;
  if (schema == 0) {
    return base::MakeError(absl::StatusCode::kNotFound, "BACKFILL_NOT_FOUND",
                           absl::StrCat("there is no backfill ", name), {{"name", name}},
                           "nothing is published to this database yet");
  }
  if (!name.empty()) {
    ASSIGN_OR_RETURN(const auto row, coordinator::ReadBackfill(*connection, name));
    *response.add_backfills() = coordinator::ToProto(row);
    return response;
  }
  ASSIGN_OR_RETURN(const auto rows, coordinator::ReadBackfills(*connection));
  for (const auto& row : rows) *response.add_backfills() = coordinator::ToProto(row);
  return response;
}

}  // namespace lockstep::ctl
