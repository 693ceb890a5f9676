// The forms of a lint report that programs read.
#include <algorithm>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "nlohmann/json.hpp"

#include "ctl/lint_view.h"

namespace lockstep::ctl {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json ToJson(const LintFinding& finding) {
  Json json = {
      {"rule", finding.rule},     {"severity", std::string(sql::SeverityName(finding.severity))},
      {"file", finding.file},     {"line", finding.line},
      {"column", finding.column}, {"message", finding.message},
      {"hint", finding.hint},     {"object", finding.object},
      {"gate", finding.gate},     {"blocks", finding.blocks}};
  if (finding.statement >= 0) json["statement"] = finding.statement;
  if (!finding.allowed.empty()) json["allowed"] = finding.allowed;
  if (finding.refusal) json["refusal"] = true;
  return json;
}

// What others would wait for: the relation with the strongest lock.
const sql::Touch* StrongestOf(const sql::StatementFacts& facts) {
  const sql::Touch* strongest = nullptr;
  for (const sql::Touch& touch : facts.touches) {
    if (!touch.live || touch.lock == sql::LockMode::kNone) continue;
    if (strongest == nullptr || touch.lock > strongest->lock) strongest = &touch;
  }
  return strongest;
}

Json ToJson(const sql::StatementFacts& facts, int line) {
  Json json = {{"line", line},
               {"summary", facts.summary},
               {"phase", std::string(sql::PhaseName(facts.phase))}};
  if (facts.contract_kind != sql::ContractKind::kNone) {
    json["contractKind"] = std::string(sql::ContractKindName(facts.contract_kind));
  }
  if (facts.no_op) json["noOp"] = true;
  if (facts.opaque) json["opaque"] = true;
  if (facts.non_transactional) json["nonTransactional"] = true;
  const sql::Touch* const strongest = StrongestOf(facts);
  json["lock"] =
      std::string(sql::LockModeName(strongest == nullptr ? sql::LockMode::kNone : strongest->lock));
  if (strongest != nullptr) {
    json["table"] = strongest->name.text();
    json["rewrite"] = strongest->rewrite;
    json["scan"] = strongest->scan;
  }
  return json;
}

Json ToJson(const LintedFile& file) {
  const sql::FileAnalysis& analysis = file.analysis;
  Json json = {{"file", file.file},
               {"version", file.version},
               {"phase", std::string(sql::PhaseName(analysis.phase))},
               {"contractKind", std::string(sql::ContractKindName(analysis.contract_kind))},
               {"phaseUnknown", analysis.phase_unknown},
               {"opaque", analysis.opaque},
               {"transactional", analysis.transactional},
               {"notices", analysis.notices},
               {"statements", Json::array()}};
  for (size_t i = 0; i < analysis.statements.size(); ++i) {
    const int line = i < file.lines.size() ? file.lines[i] : 1;
    json["statements"].push_back(ToJson(analysis.statements[i], line));
  }
  return json;
}

Json ToJson(const sql::RuleInfo& rule) {
  Json json = {{"rule", std::string(rule.id)},
               {"severity", std::string(sql::SeverityName(rule.severity))},
               {"gate", rule.gate},
               {"bySize", rule.scales},
               {"reason", std::string(rule.reason)},
               {"steps", Json::array()}};
  for (const absl::string_view step : rule.steps) json["steps"].push_back(std::string(step));
  if (rule.severity == sql::Severity::kError) {
    json["docs"] = absl::StrCat("docs/rules/", rule.id, ".md");
  }
  return json;
}

// "error", "warning", "note".
std::string Level(sql::Severity severity) {
  return severity == sql::Severity::kInfo ? "note" : std::string(sql::SeverityName(severity));
}

// A relative reference, with the characters escaped that a URI has not.
std::string UriOf(absl::string_view path) {
  std::string uri;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= '0' && byte <= '9') ||
                       absl::string_view("-._~/").find(c) != absl::string_view::npos;
    if (plain) {
      uri.push_back(c);
    } else {
      constexpr char kHex[] = "0123456789ABCDEF";
      absl::StrAppend(&uri, "%", std::string(1, kHex[byte >> 4]), std::string(1, kHex[byte & 15]));
    }
  }
  return uri;
}

Json SarifRule(const sql::RuleInfo& rule) {
  std::string help = std::string(rule.reason);
  for (const absl::string_view step : rule.steps) absl::StrAppend(&help, "\n- ", step);
  const std::string id(rule.id);
  Json json = {
      {"id", id},
      {"shortDescription", {{"text", rule.reason.empty() ? id : std::string(rule.reason)}}},
      {"defaultConfiguration", {{"level", Level(rule.severity)}}}};
  if (!help.empty()) json["help"] = {{"text", help}};
  return json;
}

Json SarifResult(const LintFinding& finding, const std::map<std::string, size_t>& indexes) {
  Json region = {{"startLine", finding.line},
                 {"startColumn", finding.column},
                 {"endColumn", finding.column + finding.characters}};
  std::string message = finding.message;
  if (!finding.hint.empty()) absl::StrAppend(&message, "\nhint: ", finding.hint);
  Json json = {{"ruleId", finding.rule},
               {"level", Level(finding.severity)},
               {"message", {{"text", message}}},
               {"locations", Json::array({{{"physicalLocation",
                                            {{"artifactLocation", {{"uri", UriOf(finding.file)}}},
                                             {"region", region}}}}})}};
  const auto index = indexes.find(finding.rule);
  if (index != indexes.end()) json["ruleIndex"] = index->second;
  if (!finding.allowed.empty()) {
    json["suppressions"] =
        Json::array({{{"kind", "inSource"}, {"justification", finding.allowed}}});
  }
  return json;
}

std::string GithubData(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"%", "%25"}, {"\r", "%0D"}, {"\n", "%0A"}});
}

std::string GithubProperty(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"%", "%25"}, {"\r", "%0D"}, {"\n", "%0A"}, {":", "%3A"}, {",", "%2C"}});
}

}  // namespace

std::string LintJson(const LintReport& report) {
  Json document = {{"findings", Json::array()},     {"files", Json::array()},
                   {"backfills", report.backfills}, {"notes", report.notes},
                   {"applied", report.applied},     {"postgres", report.postgres},
                   {"catalog", report.catalog}};
  for (const LintFinding& finding : report.findings) {
    document["findings"].push_back(ToJson(finding));
  }
  for (const LintedFile& file : report.files) document["files"].push_back(ToJson(file));
  return Dump(document, 2);
}

std::string LintJsonLines(const LintReport& report) {
  std::string lines;
  for (const LintFinding& finding : report.findings) {
    absl::StrAppend(&lines, Dump(ToJson(finding), -1));
  }
  return lines;
}

std::string LintSarif(const LintReport& report, absl::string_view version) {
  Json rules = Json::array();
  std::map<std::string, size_t> indexes;
  for (const sql::RuleInfo& rule : sql::AllRules()) {
    indexes[std::string(rule.id)] = rules.size();
    rules.push_back(SarifRule(rule));
  }
  Json results = Json::array();
  for (const LintFinding& finding : report.findings) {
    results.push_back(SarifResult(finding, indexes));
  }
  const Json driver = {
      {"name", "lockstep"}, {"semanticVersion", std::string(version)}, {"rules", std::move(rules)}};
  const Json document = {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                         {"version", "2.1.0"},
                         {"runs", Json::array({{{"tool", {{"driver", driver}}},
                                                {"columnKind", "unicodeCodePoints"},
                                                {"results", std::move(results)}}})}};
  return Dump(document, 2);
}

std::string LintGithub(const LintReport& report, sql::Severity min_severity) {
  std::string text;
  for (const LintFinding& finding : report.findings) {
    if (!finding.allowed.empty() || finding.severity < min_severity) continue;
    const std::string command = finding.severity == sql::Severity::kInfo
                                    ? "notice"
                                    : std::string(sql::SeverityName(finding.severity));
    std::string message = finding.message;
    if (!finding.hint.empty()) absl::StrAppend(&message, "\nhint: ", finding.hint);
    absl::StrAppend(&text, "::", command, " file=", GithubProperty(finding.file),
                    ",line=", finding.line, ",col=", finding.column,
                    ",title=", GithubProperty(finding.rule), "::", GithubData(message), "\n");
  }
  return text;
}

std::string RuleJson(const sql::RuleInfo& rule) { return Dump(ToJson(rule), 2); }

std::string RulesJson() {
  Json rules = Json::array();
  for (const sql::RuleInfo& rule : sql::AllRules()) rules.push_back(ToJson(rule));
  return Dump({{"rules", std::move(rules)}}, 2);
}

}  // namespace lockstep::ctl
