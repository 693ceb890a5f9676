#include "engine/chain/service_file.h"

#include <algorithm>
#include <exception>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/yaml.h"

#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"
#include "engine/chain/source.h"

namespace lockstep::chain {
namespace {

constexpr size_t kMaxServiceNameSize = 63;
constexpr size_t kMaxUses = 10'000;
constexpr int kMaxNameParts = 3;  // schema.table.column
constexpr char kKnown[] = "service, needs, adapted_to, uses, on_session_loss";

bool IsServiceName(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxServiceNameSize &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == text.npos;
}

// Judges the tree of one file. Every failure is a status; yaml-cpp's own exceptions pass through
// to ParseServiceFile.
class Reader {
 public:
  explicit Reader(absl::string_view file) : file_(file) {}

  absl::StatusOr<ServiceFile> Read(const YAML::Node& root) {
    if (!root.IsDefined() || root.IsNull()) return Bad({}, "the file says nothing");
    if (!root.IsMap()) return Bad(root.Mark(), "must be a list of `key: value` lines");
    std::set<std::string> seen;
    for (const auto& item : root) {
      if (!item.first.IsScalar()) return Bad(item.first.Mark(), "a key that is not a word");
      const std::string& key = item.first.Scalar();
      if (!seen.insert(key).second) {
        return Bad(item.first.Mark(), absl::StrCat("\"", key, "\" is there twice"));
      }
      RETURN_IF_ERROR(ReadKey(key, item.first.Mark(), item.second));
    }
    if (out_.service.empty()) return Bad(root.Mark(), "`service` is missing");
    return std::move(out_);
  }

  absl::Status Bad(const YAML::Mark& mark, absl::string_view message) const {
    // A null mark has -1 everywhere.
    const std::string line = absl::StrCat(std::max(mark.line, 0) + 1);
    const std::string column = absl::StrCat(std::max(mark.column, 0) + 1);
    return base::MakeError(absl::StatusCode::kInvalidArgument, "BAD_SERVICE_FILE",
                           absl::StrCat(file_, ":", line, ":", column, ": ", message),
                           {{"file", file_}, {"line", line}, {"column", column}},
                           absl::StrCat("known keys are ", kKnown));
  }

 private:
  absl::Status ReadKey(const std::string& key, const YAML::Mark& mark, const YAML::Node& value) {
    if (key == "service") return ReadService(mark, value);
    if (key == "needs") {
      out_.needs = 0;
      return ReadVersion(key, mark, value, &*out_.needs);
    }
    if (key == "adapted_to") return ReadVersion(key, mark, value, &out_.adapted_to);
    if (key == "uses") return ReadUses(mark, value);
    if (key == "on_session_loss") return ReadOnSessionLoss(mark, value);
    return Bad(mark, absl::StrCat("unknown key \"", key, "\""));
  }

  // Where to point at: an empty value has no mark of its own.
  static YAML::Mark MarkOf(const YAML::Mark& key, const YAML::Node& value) {
    return value.IsNull() || value.Mark().is_null() ? key : value.Mark();
  }

  absl::Status ReadService(const YAML::Mark& mark, const YAML::Node& value) {
    if (!value.IsScalar() || !IsServiceName(value.Scalar())) {
      return Bad(MarkOf(mark, value), "`service` must be 1 to 63 characters of [a-z0-9-]");
    }
    out_.service = value.Scalar();
    return absl::OkStatus();
  }

  absl::Status ReadVersion(const std::string& key, const YAML::Mark& mark, const YAML::Node& value,
                           Version* version) {
    // A quoted number has the tag "!": it is a text, not a number.
    if (!value.IsScalar() || value.Tag() == "!" ||
        !ParseNumber(value.Scalar(), 0, kMaxVersion, version)) {
      return Bad(MarkOf(mark, value),
                 absl::StrCat("`", key, "` must be a version from 0 to ", kMaxVersion));
    }
    return absl::OkStatus();
  }

  absl::Status ReadUses(const YAML::Mark& mark, const YAML::Node& value) {
    if (!value.IsSequence()) {
      return Bad(MarkOf(mark, value), "`uses` must be a list of tables and columns");
    }
    if (value.size() > kMaxUses) return Bad(mark, absl::StrCat("more than ", kMaxUses, " names"));
    out_.uses_declared = true;
    for (const YAML::Node& item : value) {
      if (!item.IsScalar() || !IsDottedName(item.Scalar(), kMaxNameParts)) {
        return Bad(MarkOf(mark, item),
                   "an item of `uses` must be a table or column: users, users.email, app.users");
      }
      out_.uses.push_back(item.Scalar());
    }
    return absl::OkStatus();
  }

  absl::Status ReadOnSessionLoss(const YAML::Mark& mark, const YAML::Node& value) {
    const std::string text = value.IsScalar() ? value.Scalar() : "";
    if (text != "keep" && text != "stop") {
      return Bad(MarkOf(mark, value), "`on_session_loss` must be keep or stop");
    }
    out_.on_session_loss = text == "stop" ? OnSessionLoss::kStop : OnSessionLoss::kKeep;
    return absl::OkStatus();
  }

  const std::string file_;
  ServiceFile out_;
};

// Takes a document's events and keeps where it starts.
class StartOfDocument : public YAML::EventHandler {
 public:
  const YAML::Mark& mark() const { return mark_; }

  void OnDocumentStart(const YAML::Mark& mark) override { mark_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  YAML::Mark mark_ = YAML::Mark::null_mark();
};

// Returns where a second document, or text that belongs to none, begins; absent when there is
// neither. Not by YAML::LoadAll: version 0.7 of yaml-cpp makes empty documents without end of a
// text like `'',` until memory is used up.
std::optional<YAML::Mark> SecondDocument(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  StartOfDocument handler;
  if (!parser.HandleNextDocument(handler)) return std::nullopt;
  if (!parser.HandleNextDocument(handler)) return std::nullopt;
  return handler.mark();
}

}  // namespace

absl::StatusOr<ServiceFile> ParseServiceFile(absl::string_view file, absl::string_view text) {
  Reader reader(file);
  if (text.size() > static_cast<size_t>(kMaxServiceFileBytes)) {
    return reader.Bad({}, absl::StrCat("more than ", kMaxServiceFileBytes, " bytes"));
  }
  try {
    const std::string copy(text);
    const std::optional<YAML::Mark> second = SecondDocument(copy);
    if (second.has_value()) return reader.Bad(*second, "more than one document");
    return reader.Read(YAML::Load(copy));
  } catch (const YAML::Exception& error) {
    return reader.Bad(error.mark, error.msg);
  } catch (const std::exception& error) {
    return reader.Bad({}, error.what());
  }
}

absl::StatusOr<ServiceFile> LoadServiceFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxServiceFileBytes));
  return ParseServiceFile(path, text);
}

}  // namespace lockstep::chain
