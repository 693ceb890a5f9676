#include "engine/chain/lint_file.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "yaml-cpp/yaml.h"

#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"
#include "engine/chain/source.h"

namespace lockstep::chain {
namespace {

constexpr int64_t kMaxLintFileBytes = 16 << 10;
constexpr char kKnown[] = "known keys are fail-on, postgres, rules";

// Judges the tree of one file.
class Reader {
 public:
  explicit Reader(absl::string_view file) : file_(file) {}

  absl::StatusOr<LintSettings> Read(const YAML::Node& root) {
    if (!root.IsDefined() || root.IsNull()) return out_;
    RETURN_IF_ERROR(ForEach(root,
                            [this](const std::string& key, const YAML::Mark& mark,
                                   const YAML::Node& value) -> absl::Status {
                              if (key == "fail-on") return ReadFailOn(mark, value);
                              if (key == "postgres") return ReadPostgres(mark, value);
                              if (key == "rules") return ReadRules(value);
                              return Bad(mark, absl::StrCat("unknown key \"", key, "\""), kKnown);
                            }));
    return std::move(out_);
  }

  absl::Status Bad(const YAML::Mark& mark, absl::string_view message, absl::string_view hint) {
    // A null mark has -1 everywhere.
    const std::string line = absl::StrCat(std::max(mark.line, 0) + 1);
    const std::string column = absl::StrCat(std::max(mark.column, 0) + 1);
    return base::MakeError(absl::StatusCode::kInvalidArgument, "BAD_LINT_FILE",
                           absl::StrCat(file_, ":", line, ":", column, ": ", message),
                           {{"file", file_}, {"line", line}, {"column", column}}, hint);
  }

 private:
  // Each key once, in order.
  template <typename Visit>
  absl::Status ForEach(const YAML::Node& map, Visit visit) {
    if (!map.IsMap()) return Bad(map.Mark(), "must be a list of `key: value` lines", kKnown);
    std::set<std::string> seen;
    for (const auto& item : map) {
      const YAML::Mark mark = item.first.Mark();
      if (!item.first.IsScalar()) return Bad(mark, "a key that is not a word", kKnown);
      const std::string& key = item.first.Scalar();
      if (!seen.insert(key).second) {
        return Bad(mark, absl::StrCat("\"", key, "\" is there twice"), "keep one of them");
      }
      RETURN_IF_ERROR(visit(key, mark, item.second));
    }
    return absl::OkStatus();
  }

  absl::Status ReadFailOn(const YAML::Mark& mark, const YAML::Node& value) {
    if (value.IsScalar() && ParseFailOn(value.Scalar(), &out_.fail_on)) return absl::OkStatus();
    return Bad(mark, "`fail-on` must be error, warning, info or never", kKnown);
  }

  absl::Status ReadPostgres(const YAML::Mark& mark, const YAML::Node& value) {
    if (value.IsScalar() &&
        ParseNumber(value.Scalar(), kMinPostgres, kMaxPostgres, &out_.postgres)) {
      return absl::OkStatus();
    }
    return Bad(mark,
               absl::StrCat("`postgres` must be a major version from ", kMinPostgres, " to ",
                            kMaxPostgres),
               kKnown);
  }

  absl::Status ReadRules(const YAML::Node& rules) {
    if (rules.IsNull()) return absl::OkStatus();
    return ForEach(
        rules,
        [this](const std::string& id, const YAML::Mark& mark,
               const YAML::Node& value) -> absl::Status {
          const std::optional<sql::Rule> rule = sql::FindRule(id);
          if (!rule.has_value()) {
            return Bad(mark, absl::StrCat("there is no rule \"", id, "\""),
                       "`lockstep lint --explain all` lists them");
          }
          const std::string level = value.IsScalar() ? value.Scalar() : "";
          const std::optional<sql::Severity> severity = sql::ParseSeverity(level);
          if (!severity.has_value() && level != "off") {
            return Bad(mark, absl::StrCat("rule ", id, " must be off, info, warning or error"), "");
          }
          out_.rules[*rule] = severity;
          return absl::OkStatus();
        });
  }

  const std::string file_;
  LintSettings out_;
};

}  // namespace

bool ParseFailOn(absl::string_view text, std::optional<sql::Severity>* fail_on) {
  const std::optional<sql::Severity> severity = sql::ParseSeverity(text);
  if (!severity.has_value() && text != "never") return false;
  *fail_on = severity;
  return true;
}

absl::StatusOr<LintSettings> ParseLintFile(absl::string_view file, absl::string_view text) {
  ASSIGN_OR_RETURN(const Source source, ReadSource(file, text, kMaxLintFileBytes));
  Reader reader(file);
  try {
    return reader.Read(YAML::Load(source.text));
  } catch (const YAML::Exception& error) {
    return reader.Bad(error.mark, error.msg, "");
  } catch (const std::exception& error) {
    return reader.Bad({}, error.what(), "");
  }
}

absl::StatusOr<LintSettings> LoadLintSettings(const std::string& directory) {
  const std::string path = (std::filesystem::path(directory) / kLintFile).string();
  const absl::StatusOr<std::string> text = base::ReadFile(path, kMaxLintFileBytes);
  if (absl::IsNotFound(text.status())) return LintSettings();
  if (!text.ok()) return text.status();
  return ParseLintFile(path, *text);
}

std::optional<sql::Severity> SeverityOf(const LintSettings& settings, sql::Rule rule) {
  const auto found = settings.rules.find(rule);
  return found == settings.rules.end() ? sql::InfoOf(rule).severity : found->second;
}

void ApplySettings(const LintSettings& settings, std::vector<sql::Finding>* findings) {
  std::erase_if(*findings, [&](sql::Finding& finding) {
    const auto rule = settings.rules.find(finding.rule);
    if (finding.refusal || rule == settings.rules.end()) return false;
    if (!rule->second.has_value()) return true;
    finding.severity = *rule->second;
    return false;
  });
}

}  // namespace lockstep::chain
