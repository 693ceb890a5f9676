// Lists that come in pages, whole, and as tables.
#ifndef LOCKSTEP_CTL_LISTING_H_
#define LOCKSTEP_CTL_LISTING_H_

#include <string>

#include "absl/status/statusor.h"
#include "lockstep/v1/operation.pb.h"
#include "lockstep/v1/status.pb.h"

#include "ctl/client.h"
#include "ctl/style.h"

namespace lockstep::ctl {

// A server that never ends its pages is not followed for ever: 1000 pages are a million versions.
inline constexpr int kMaxPages = 1000;
// How many operations `operations list` shows at most, newest first.
inline constexpr int kMaxOperations = 500;

// All pages in one answer without a page token. Fails as Client::Call does; INTERNAL after
// kMaxPages.
absl::StatusOr<v1::ListMigrationsResponse> ListAllMigrations(Client& client);

std::string HistoryTable(const v1::ListMigrationsResponse& list, const Style& style, int width);
std::string OperationsTable(const v1::ListOperationsResponse& list, const Style& style, int width);

// One operation, a fact a line.
std::string OperationText(const v1::Operation& operation, const Style& style);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_LISTING_H_
