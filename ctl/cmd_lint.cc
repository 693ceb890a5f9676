#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "ctl/commands.h"
#include "ctl/database_flag.h"
#include "ctl/errors.h"
#include "ctl/fleet_lint.h"
#include "ctl/lint.h"
#include "ctl/lint_view.h"
#include "ctl/local_chain.h"
#include "ctl/sanitize.h"
#include "ctl/service_lint.h"
#include "engine/base/status_macros.h"
#include "engine/chain/directory.h"

namespace lockstep::ctl {
namespace {

using sql::Severity;

absl::StatusOr<int> Explain(Context& context, const std::string& id) {
  Console& console = context.console;
  const int width = console.options().out_width;
  if (id == "all") {
    console.Data(context.flags.json ? RulesJson() : RulesText(console.out_style(), width));
    return kExitDone;
  }
  const std::optional<sql::Rule> rule = sql::FindRule(id);
  if (!rule.has_value()) {
    return UsageError(absl::StrCat("there is no rule \"", Sanitize(id), "\""),
                      "`lockstep lint --explain all` lists them");
  }
  const sql::RuleInfo& info = sql::InfoOf(*rule);
  console.Data(context.flags.json ? RuleJson(info) : RuleText(info, console.out_style(), width));
  return kExitDone;
}

// Beside the first file that is named, unless a directory is; a backfill lies one folder below.
std::string DirectoryOf(const Arguments& arguments) {
  if (arguments.Has("--migrations") || arguments.list().empty()) {
    return MigrationsDirectory(arguments);
  }
  std::filesystem::path parent = std::filesystem::path(arguments.list().front()).parent_path();
  if (parent.filename() == chain::kBackfillsFolder) parent = parent.parent_path();
  return parent.empty() ? "." : parent.string();
}

// Findings in other files than those of the chain have the severity that the project says.
void ApplySettings(const chain::LintSettings& settings, LintReport* report) {
  std::erase_if(report->findings, [&](LintFinding& finding) {
    const std::optional<sql::Rule> rule = sql::FindRule(finding.rule);
    if (!rule.has_value()) return false;
    const sql::RuleSubject about = sql::InfoOf(*rule).about;
    if (about != sql::RuleSubject::kServiceFile && about != sql::RuleSubject::kFleet) return false;
    const std::optional<Severity> severity = chain::SeverityOf(settings, *rule);
    finding.severity = severity.value_or(finding.severity);
    return !severity.has_value();
  });
}

absl::StatusOr<LintOptions> ReadOptions(const Arguments& arguments) {
  LintOptions options{.directory = DirectoryOf(arguments), .files = arguments.list()};
  ASSIGN_OR_RETURN(options.settings, chain::LoadLintSettings(options.directory));
  const std::string fail_on = arguments.Text("--fail-on");
  if (!fail_on.empty() && !chain::ParseFailOn(fail_on, &options.settings.fail_on)) {
    return UsageError(
        absl::StrCat("--fail-on is error, warning, info or never, not \"", fail_on, "\""));
  }
  if (const auto postgres = arguments.Number("--postgres"); postgres.has_value()) {
    if (*postgres < chain::kMinPostgres || *postgres > chain::kMaxPostgres) {
      return UsageError(absl::StrCat("--postgres is a major version from ", chain::kMinPostgres,
                                     " to ", chain::kMaxPostgres));
    }
    options.settings.postgres = *postgres;
  }
  options.applied = arguments.Number("--applied");
  if (arguments.Has("--database") || arguments.Has("--database-file")) {
    ASSIGN_OR_RETURN(options.database, FindDatabase(arguments));
  }
  return options;
}

// What is shown; programs get everything unless told otherwise.
absl::StatusOr<Severity> MinSeverity(const Arguments& arguments, Severity otherwise) {
  const std::string text = arguments.Text("--min-severity");
  if (text.empty()) return otherwise;
  const std::optional<Severity> severity = sql::ParseSeverity(text);
  if (severity.has_value()) return *severity;
  return UsageError(absl::StrCat("--min-severity is error, warning or info, not \"", text, "\""));
}

void Hide(Severity below, LintReport* report) {
  std::erase_if(report->findings, [&](const LintFinding& finding) {
    return finding.severity < below && !finding.refusal;
  });
}

absl::Status Show(Context& context, const Arguments& arguments, LintReport report) {
  Console& console = context.console;
  const std::string& format = context.flags.format;
  const bool machine = context.flags.json || format == "sarif";
  ASSIGN_OR_RETURN(const Severity min,
                   MinSeverity(arguments, machine ? Severity::kInfo : Severity::kWarning));
  if (machine) {
    Hide(min, &report);
    console.Data(format == "sarif"          ? LintSarif(report, LOCKSTEP_VERSION)
                 : context.flags.json_lines ? LintJsonLines(report)
                                            : LintJson(report));
    return absl::OkStatus();
  }
  if (format == "github") {
    console.Data(LintGithub(report, min));
  } else {
    console.Data(LintText(report,
                          {.min_severity = min,
                           .allowed = context.flags.verbose,
                           .width = console.options().out_width},
                          console.out_style()));
  }
  for (const LintedFile& file : report.files) {
    for (const std::string& notice : file.analysis.notices) {
      console.Say(Sanitize(absl::StrCat("note: ", file.file, ": ", notice)));
    }
  }
  for (const std::string& note : report.notes) console.Say(Sanitize(absl::StrCat("note: ", note)));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> RunLint(Context& context, const Arguments& arguments) {
  if (arguments.Has("--explain")) return Explain(context, arguments.Text("--explain"));
  ASSIGN_OR_RETURN(LintOptions options, ReadOptions(arguments));
  // What is applied there is live, and what is not yet will meet it.
  if (arguments.Has("--fleet") && options.database.empty() && !options.applied.has_value()) {
    ASSIGN_OR_RETURN(options.applied, AppliedThere(context.client));
  }
  LintReport report{.postgres = options.settings.postgres};
  std::vector<std::string> services = arguments.Texts("--service-file");
  if (services.empty() || !options.files.empty()) {
    ASSIGN_OR_RETURN(report, Lint(options));
  }
  if (services.empty() && options.files.empty()) services = ServiceFilesBeside(options.directory);
  RETURN_IF_ERROR(LintServiceFiles(options.directory, services, options.settings, &report));
  if (arguments.Has("--fleet")) RETURN_IF_ERROR(LintFleet(context.client, &report));
  ApplySettings(options.settings, &report);
  const std::optional<Severity> worst = WorstOf(report);
  RETURN_IF_ERROR(Show(context, arguments, std::move(report)));
  const std::optional<Severity> fail_on = options.settings.fail_on;
  const bool failed = worst.has_value() && fail_on.has_value() && *worst >= *fail_on;
  return failed ? kExitChanges : kExitDone;
}

}  // namespace lockstep::ctl
