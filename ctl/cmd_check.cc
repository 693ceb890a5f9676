#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lockstep/v1/release.grpc.pb.h"
#include "nlohmann/json.hpp"

#include "ctl/actor.h"
#include "ctl/chain_compare.h"
#include "ctl/check.h"
#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/listing.h"
#include "ctl/local_chain.h"
#include "ctl/output.h"
#include "ctl/publish_plan.h"
#include "ctl/sanitize.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

struct Remote {
  Comparison comparison;
  std::string unknown;  // Versions that are published and not here; "" for none.
};

// The coordinator is asked about what it would have to take, as `publish --dry-run` does: it knows
// the backfills, too.
absl::StatusOr<Remote> Compare(Context& context, const chain::Chain& local,
                               const std::string& directory) {
  ASSIGN_OR_RETURN(const v1::ListMigrationsResponse list, ListAllMigrations(context.client));
  const chain::ChainSum sum = local.sum();
  Remote remote = {.comparison = CompareChains(sum, list),
                   .unknown = UnknownVersions(directory, sum.head(), list)};
  if (remote.comparison.relation == Relation::kDiverged) return remote;
  const std::vector<v1::PublishChainRequest> requests =
      MakeRequests(local, FirstDifference(sum, list), Actor());
  if (requests.empty()) return remote;
  v1::PublishChainRequest first = requests.front();
  first.set_validate_only(true);
  RETURN_IF_ERROR(context.client.Call(&v1::ReleaseService::Stub::PublishChain, first).status());
  return remote;
}

nlohmann::ordered_json ToJson(const absl::Status& finding) {
  const base::ErrorInfo info = base::GetErrorInfo(finding).value_or(base::ErrorInfo{});
  nlohmann::ordered_json json = {{"reason", info.reason},
                                 {"message", std::string(finding.message())},
                                 {"hint", HintOf(finding)}};
  const std::string file = base::MetadataOf(finding, "file");
  if (!file.empty()) json["file"] = file;
  for (const char* key : {"line", "column"}) {
    int number = 0;
    if (absl::SimpleAtoi(base::MetadataOf(finding, key), &number)) json[key] = number;
  }
  return json;
}

std::string ToJson(const ProjectReport& report, const std::optional<Remote>& remote) {
  nlohmann::ordered_json document = {{"head", report.chain.has_value() ? report.chain->head() : 0},
                                     {"findings", nlohmann::ordered_json::array()},
                                     {"notices", nlohmann::ordered_json::array()},
                                     {"serviceFiles", report.services}};
  for (const absl::Status& finding : report.findings) {
    document["findings"].push_back(ToJson(finding));
  }
  if (report.chain.has_value()) document["notices"] = NoticesOf(*report.chain);
  if (remote.has_value()) {
    document["remote"] = {{"relation", RelationWord(remote->comparison.relation)},
                          {"localHead", remote->comparison.local_head},
                          {"publishedHead", remote->comparison.published_head},
                          {"partsAt", remote->comparison.parts_at}};
  }
  return document.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string ToText(const ProjectReport& report, const Style& style) {
  std::string text;
  for (const absl::Status& finding : report.findings) {
    absl::StrAppend(&text, Sanitize(finding.message()), "\n");
    const std::string hint = HintOf(finding);
    if (hint.empty()) continue;
    absl::StrAppend(&text, "  ", style.Paint(Tone::kStrong, "hint:"), " ", Sanitize(hint), "\n");
  }
  const auto findings = static_cast<int64_t>(report.findings.size());
  if (findings > 0) return absl::StrCat(text, Count(findings, "finding"), "\n");
  return absl::StrCat("no findings: ", Count(report.chain->head(), "version"), ", ",
                      Count(static_cast<int64_t>(report.chain->backfills.size()), "backfill"), ", ",
                      Count(static_cast<int64_t>(report.services.size()), "service file"), "\n");
}

std::string ToText(const Remote& remote) {
  const Comparison& comparison = remote.comparison;
  if (comparison.relation == Relation::kSame) {
    return Sanitize(absl::StrCat("the same as published: ", comparison.published_head)) + "\n";
  }
  const char* const preposition = comparison.relation == Relation::kDiverged ? " from"
                                  : comparison.relation == Relation::kAhead  ? " of"
                                                                             : "";
  return absl::StrCat(Sanitize(absl::StrCat(RelationWord(comparison.relation), preposition,
                                            " the published chain: here ", comparison.local_head,
                                            ", published ", comparison.published_head)),
                      "\n");
}

}  // namespace

absl::StatusOr<int> RunCheck(Context& context, const Arguments& arguments) {
  const std::string directory = MigrationsDirectory(arguments);
  ASSIGN_OR_RETURN(const ProjectReport report,
                   CheckProject(directory, arguments.Text("--services")));
  std::optional<Remote> remote;
  absl::Status failed;
  if (arguments.Has("--remote") && report.chain.has_value()) {
    absl::StatusOr<Remote> compared = Compare(context, *report.chain, directory);
    if (compared.ok()) {
      remote = *std::move(compared);
    } else {
      failed = compared.status();
    }
  }
  if (context.flags.json) {
    context.console.Data(ToJson(report, remote));
  } else {
    context.console.Data(ToText(report, context.console.out_style()));
    if (remote.has_value()) context.console.Data(ToText(*remote));
    if (report.chain.has_value()) SayNotices(context.console, *report.chain);
    if (remote.has_value() && !remote->unknown.empty()) {
      context.console.Say(absl::StrCat("note: ", Sanitize(remote->unknown)));
    }
  }
  RETURN_IF_ERROR(failed);
  if (remote.has_value() && remote->comparison.relation == Relation::kDiverged) {
    return DivergedError(remote->comparison, directory);
  }
  return report.findings.empty() ? kExitDone : kExitChanges;
}

}  // namespace lockstep::ctl
