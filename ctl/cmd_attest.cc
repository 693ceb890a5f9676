#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

#include "ctl/commands.h"
#include "ctl/confirm.h"
#include "ctl/errors.h"
#include "ctl/local_chain.h"
#include "ctl/sanitize.h"
#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"
#include "engine/chain/analysis.h"
#include "engine/chain/lint_file.h"
#include "engine/chain/service_file.h"
#include "engine/chain/service_file_edit.h"

namespace lockstep::ctl {
namespace {

using chain::Version;

// A contract that the service is attested to be ready for.
struct Removal {
  Version version = 0;
  std::string title;
  std::optional<std::vector<std::string>> touches;  // Absent: not known.
  bool used = true;  // False: `uses` is declared and has nothing of it.
};

struct Attestation {
  std::string path;
  std::string text;
  chain::ServiceFile file;
  Version to = 0;
  std::vector<Removal> removals;
};

bool IsPartOf(absl::string_view inner, absl::string_view outer) {
  return inner.size() > outer.size() && inner[outer.size()] == '.' &&
         absl::StartsWith(inner, outer);
}

bool Uses(const chain::ServiceFile& file, const std::optional<std::vector<std::string>>& touches) {
  if (!file.uses_declared || !touches.has_value()) return true;
  for (const std::string& used : file.uses) {
    for (const std::string& touched : *touches) {
      if (used == touched || IsPartOf(used, touched) || IsPartOf(touched, used)) return true;
    }
  }
  return false;
}

// The contracts above `from` and up to `to`, judged one after the other as a fleet will meet them.
absl::StatusOr<std::vector<Removal>> RemovalsOf(const std::string& directory,
                                                const chain::Chain& local,
                                                const chain::ServiceFile& file, Version to) {
  ASSIGN_OR_RETURN(const chain::LintSettings settings, chain::LoadLintSettings(directory));
  sql::model::Database empty;
  empty.complete = true;
  empty.server_version = settings.postgres * 10000;
  sql::Analyzer analyzer(std::move(empty));
  std::vector<Removal> removals;
  for (const chain::Migration& migration : local.migrations) {
    if (migration.version > to) break;
    const sql::FileAnalysis analysis = chain::AnalyzeMigration(&analyzer, migration);
    analyzer.MarkApplied();
    if (analysis.phase != sql::Phase::kContract || migration.version <= file.adapted_to) continue;
    Removal removal{.version = migration.version,
                    .title = migration.title,
                    .touches = sql::TouchedNames(analysis)};
    removal.used = Uses(file, removal.touches);
    removals.push_back(std::move(removal));
  }
  return removals;
}

// Names are there with and without schema; one of them is enough to read.
std::string TextOf(const std::optional<std::vector<std::string>>& touches) {
  if (!touches.has_value()) return "what cannot be told from its SQL";
  std::vector<std::string> names;
  for (const std::string& name : *touches) {
    const bool shorter = std::any_of(touches->begin(), touches->end(), [&](const std::string& n) {
      return n != name && absl::EndsWith(name, absl::StrCat(".", n));
    });
    if (!shorter) names.push_back(name);
  }
  return absl::StrJoin(names, ", ");
}

std::string Describe(const Attestation& a) {
  std::string text = absl::StrCat("attest ", a.file.service, ": adapted_to ", a.file.adapted_to,
                                  " -> ", a.to, " in ", a.path, "\n");
  if (a.removals.empty()) absl::StrAppend(&text, "  no contract is among these versions\n");
  for (const Removal& each : a.removals) {
    absl::StrAppend(&text, "  contract ", each.version, " ", each.title, " removes or changes ",
                    TextOf(each.touches),
                    each.used ? "" : absl::StrCat("; nothing that ", a.file.service, " uses"),
                    "\n");
  }
  return SanitizeText(text);
}

std::string Json(const Attestation& a) {
  nlohmann::ordered_json contracts = nlohmann::ordered_json::array();
  for (const Removal& each : a.removals) {
    nlohmann::ordered_json contract = {{"version", each.version}, {"title", each.title}};
    if (each.touches.has_value()) contract["touches"] = *each.touches;
    contract["used"] = each.used;
    contracts.push_back(contract);
  }
  const nlohmann::ordered_json json = {{"service", a.file.service},
                                       {"file", a.path},
                                       {"from", a.file.adapted_to},
                                       {"to", a.to},
                                       {"contracts", contracts}};
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

absl::StatusOr<Attestation> Read(const Arguments& arguments) {
  const std::string& service = arguments.list()[0];
  Attestation a;
  if (!absl::SimpleAtoi(arguments.list()[1], &a.to) || a.to < 0 || a.to > chain::kMaxVersion) {
    return UsageError(absl::StrCat("N is a version, not \"", Sanitize(arguments.list()[1]), "\""));
  }
  const std::string migrations = MigrationsDirectory(arguments);
  a.path = arguments.Has("--file")
               ? arguments.Text("--file")
               : (std::filesystem::path(migrations) / ".." / "services" / service / "lockstep.yaml")
                     .lexically_normal()
                     .string();
  ASSIGN_OR_RETURN(a.text, base::ReadFile(a.path, chain::kMaxServiceFileBytes));
  ASSIGN_OR_RETURN(a.file, chain::ParseServiceFile(a.path, a.text));
  if (a.file.service != service) {
    return UsageError(
        absl::StrCat(a.path, " is the file of ", a.file.service, ", not of ", Sanitize(service)));
  }
  ASSIGN_OR_RETURN(const chain::Chain local, LoadLocalChain(migrations));
  if (a.to > local.head()) {
    return UsageError(absl::StrCat("there is no version ", a.to, " in ", migrations,
                                   ": the newest is ", local.head()));
  }
  ASSIGN_OR_RETURN(a.removals, RemovalsOf(migrations, local, a.file, a.to));
  return a;
}

absl::Status Write(const std::string& path, const std::string& text) {
  struct stat info {};
  const bool known = stat(path.c_str(), &info) == 0;
  return base::WriteFileAtomically(path, text,
                                   known ? static_cast<int>(info.st_mode & 0777) : 0644);
}

}  // namespace

absl::StatusOr<int> RunAttest(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const Attestation a, Read(arguments));
  ASSIGN_OR_RETURN(const std::string changed, chain::WithAdaptedTo(a.path, a.text, a.to));
  if (!context.flags.json) context.console.Data(Describe(a));
  if (changed != a.text) {
    if (!arguments.Has("--yes")) {
      if (!context.console.options().can_ask) {
        return UsageError("an attestation is a person's word, and nobody can be asked here",
                          "`--yes` gives it");
      }
      RETURN_IF_ERROR(Confirm(context, absl::StrCat("Does the code of ", a.file.service,
                                                    " use none of that any more?")));
    }
    RETURN_IF_ERROR(Write(a.path, changed));
  }
  if (context.flags.json) {
    context.console.Data(Json(a));
  } else if (changed == a.text) {
    context.console.Say(absl::StrCat(a.path, " says so already"));
  } else {
    context.console.Say(absl::StrCat("commit ", a.path, " with the change of the code"));
  }
  return kExitDone;
}

}  // namespace lockstep::ctl
