// lockstep's own schema files, compiled in (cmake/embed_sql.cmake).
#ifndef LOCKSTEP_ENGINE_CATALOG_EMBEDDED_H_
#define LOCKSTEP_ENGINE_CATALOG_EMBEDDED_H_

#include <string>
#include <vector>

namespace lockstep::catalog {

struct EmbeddedFile {
  std::string name;  // "0001_core.sql"
  std::string text;
};

// In the order in which they are applied: numbered files (tables, once each), then f*.sql
// (functions) and g*.sql (rights), which are applied again whenever a numbered file was.
const std::vector<EmbeddedFile>& EmbeddedFiles();

}  // namespace lockstep::catalog

#endif  // LOCKSTEP_ENGINE_CATALOG_EMBEDDED_H_
