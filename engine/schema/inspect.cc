#include "engine/schema/inspect.h"

#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

#include "engine/base/status_macros.h"
#include "engine/schema/reader.h"

namespace lockstep::schema {
namespace {

constexpr std::array kFirstSteps = {ReadServer, ReadSchemas, ReadTypes, ReadRelations};
// What belongs to relations: where there are none nothing of it is asked for, because planning
// these queries costs more than all the others.
constexpr std::array kStepsOfRelations = {ReadColumns,     ReadIndexes,  ReadConstraints,
                                          ReadTriggers,    ReadPolicies, ReadRules,
                                          ReadInheritance, ReadSequences};
constexpr std::array kLastSteps = {ReadFunctions, ReadPublications, ReadStatistics};

template <typename Steps>
absl::Status Take(const Steps& steps, Reader& reader) {
  for (const auto& step : steps) RETURN_IF_ERROR(step(reader));
  return absl::OkStatus();
}

}  // namespace

sql::model::Relation* Reader::Find(Oid relation) {
  const auto found = relations.find(relation);
  return found == relations.end() ? nullptr : found->second.relation;
}

std::vector<std::string> Reader::AttributesOf(Oid relation, absl::string_view numbers) {
  std::vector<std::string> names;
  const auto found = relations.find(relation);
  for (const absl::string_view text : absl::StrSplit(numbers, ' ', absl::SkipEmpty())) {
    int number = 0;
    const bool named = found != relations.end() && absl::SimpleAtoi(text, &number) && number > 0 &&
                       static_cast<size_t>(number) <= found->second.attributes.size();
    names.push_back(named ? found->second.attributes[static_cast<size_t>(number) - 1] : "");
  }
  return names;
}

absl::StatusOr<sql::model::Database> Inspect(postgres::Connection& connection,
                                             const InspectOptions& options) {
  sql::model::Database database;
  database.complete = true;
  database.search_path = options.search_path;
  Reader reader{.connection = connection, .db = database};
  RETURN_IF_ERROR(connection.InSnapshot([&]() -> absl::Status {
    RETURN_IF_ERROR(Take(kFirstSteps, reader));
    if (!reader.relations.empty()) RETURN_IF_ERROR(Take(kStepsOfRelations, reader));
    return Take(kLastSteps, reader);
  }));
  for (const auto& [name, relation] : database.relations) database.Note(relation);
  return database;
}

std::vector<std::string> SearchPathOf(absl::string_view setting) {
  std::vector<std::string> schemas;
  size_t at = 0;
  while (at < setting.size()) {
    std::string name;
    bool quoted = false;
    for (; at < setting.size() && (quoted || setting[at] != ','); ++at) {
      const char c = setting[at];
      if (c == '"') {
        if (quoted && at + 1 < setting.size() && setting[at + 1] == '"')
          name.push_back(setting[at++]);
        else
          quoted = !quoted;
      } else if (quoted) {
        name.push_back(c);
      } else if (!absl::ascii_isspace(static_cast<unsigned char>(c))) {
        name.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
      }
    }
    ++at;
    if (!name.empty() && name != "$user" && name != "pg_temp") schemas.push_back(std::move(name));
  }
  return schemas;
}

}  // namespace lockstep::schema
