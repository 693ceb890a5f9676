#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "ctl/check.h"
#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/local_chain.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "ctl/sum_diff.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"
#include "engine/chain/directory.h"

namespace lockstep::ctl {
namespace {

struct SumResult {
  std::string path;
  chain::ChainSum sum;
  bool stale = false;
  std::vector<std::string> changes;
  chain::Chain chain;
};

std::string SizeOf(const chain::ChainSum& sum) {
  std::string text = Count(sum.head(), "version");
  if (!sum.backfills.empty()) {
    absl::StrAppend(&text, ", ", Count(static_cast<int64_t>(sum.backfills.size()), "backfill"));
  }
  return text;
}

absl::StatusOr<SumResult> Compare(const std::string& directory) {
  ASSIGN_OR_RETURN(chain::Chain local, LoadLocalChain(directory));
  SumResult result{.path = ChainSumPath(directory), .sum = local.sum()};
  const absl::StatusOr<chain::ChainSum> stored = chain::LoadChainSum(result.path);
  if (stored.ok()) {
    result.changes = DescribeChanges(*stored, result.sum);
    result.stale = *stored != result.sum;
  } else if (absl::IsNotFound(stored.status())) {
    result.changes = DescribeChanges({}, result.sum);
    result.stale = true;
  } else if (absl::IsInvalidArgument(stored.status())) {
    // It is rewritten from the files anyway; what was wrong is still worth a line.
    result.changes = {absl::StrCat("replaced: ", std::string(stored.status().message()))};
    result.stale = true;
  } else {
    return stored.status();
  }
  result.chain = std::move(local);
  return result;
}

std::string ToJson(const SumResult& result, bool written) {
  const nlohmann::ordered_json document = {
      {"path", result.path}, {"head", result.sum.head()}, {"stale", result.stale},
      {"written", written},  {"changes", result.changes},
  };
  return document.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

absl::StatusOr<int> RunSum(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const SumResult result, Compare(MigrationsDirectory(arguments)));
  const bool check = arguments.Has("--check");
  const bool write = result.stale && !check;
  if (write) {
    RETURN_IF_ERROR(base::WriteFileAtomically(result.path, chain::FormatChainSum(result.sum)));
  }
  const int code = check && result.stale ? kExitChanges : kExitDone;
  if (context.flags.json) {
    context.console.Data(ToJson(result, write));
    return code;
  }
  std::string text;
  for (const std::string& change : result.changes) {
    absl::StrAppend(&text, Sanitize(change), "\n");
  }
  const std::string path = Sanitize(result.path);
  if (!result.stale) {
    absl::StrAppend(&text, path, " is up to date (", SizeOf(result.sum), ")\n");
  } else if (write) {
    absl::StrAppend(&text, "wrote ", path, " (", SizeOf(result.sum), ")\n");
  } else {
    absl::StrAppend(&text, path, " is stale: run `lockstep sum` and commit it\n");
  }
  context.console.Data(text);
  SayNotices(context.console, result.chain);
  return code;
}

}  // namespace lockstep::ctl
