string(REPLACE "|" ";" files "${FILES}")
set(text "// Generated from engine/catalog/sql; do not edit.\n#include \"engine/catalog/embedded.h\"\n\nnamespace lockstep::catalog {\n\nconst std::vector<EmbeddedFile>& EmbeddedFiles() {\n  static const auto* const kFiles = new std::vector<EmbeddedFile>{\n")
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME)
  # Brackets and semicolons are special to CMake's lists; read as hex to carry bytes unchanged.
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${hex}")
  # One literal per 64 bytes keeps every compiler's line and literal limits away.
  string(REGEX REPLACE "((\\\\x[0-9a-f][0-9a-f])(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?)" "\"\\1\"\n" bytes "${bytes}")
  string(APPEND text "      {\"${name}\",\n${bytes}},\n")
endforeach()
string(APPEND text "  };\n  return *kFiles;\n}\n\n}  // namespace lockstep::catalog\n")
file(WRITE ${OUTPUT} "${text}")
