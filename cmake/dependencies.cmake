# Every library comes from the distribution (docs/adr/0002). gRPC, Abseil and GoogleTest ship CMake
# configs; Protobuf needs CMake's own module and must be found before gRPC; libpqxx and libpq come
# through pkg-config; libpg_query has neither. What the agent library needs is repeated in
# cmake/lockstepConfig.cmake.in.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(simdjson CONFIG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBPQXX REQUIRED IMPORTED_TARGET libpqxx)
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)

find_path(PG_QUERY_INCLUDE_DIR pg_query.h REQUIRED)
find_library(PG_QUERY_LIBRARY pg_query REQUIRED)
# Imported, so that what is exported names it and the package makes it anew.
add_library(lockstep::pg_query INTERFACE IMPORTED)
target_include_directories(lockstep::pg_query INTERFACE ${PG_QUERY_INCLUDE_DIR})
target_link_libraries(lockstep::pg_query INTERFACE ${PG_QUERY_LIBRARY})

find_package(yaml-cpp CONFIG REQUIRED)

if(NOT LOCKSTEP_CORE_ONLY)
  find_package(Protobuf REQUIRED)
  find_package(gRPC CONFIG REQUIRED)
  find_package(CLI11 CONFIG REQUIRED)
  find_path(HTTPLIB_INCLUDE_DIR httplib.h REQUIRED)
  find_library(HTTPLIB_LIBRARY cpp-httplib REQUIRED)
  add_library(httplib INTERFACE)
  target_include_directories(httplib SYSTEM INTERFACE ${HTTPLIB_INCLUDE_DIR})
  target_link_libraries(httplib INTERFACE ${HTTPLIB_LIBRARY} Threads::Threads)
  if(LOCKSTEP_STATIC_GRPC)
    lockstep_link_grpc_statically(gRPC::grpc++ gRPC::grpc++_reflection absl::status absl::statusor
      absl::strings absl::time absl::random_random absl::cleanup absl::flat_hash_map)
  endif()
endif()

if(LOCKSTEP_BUILD_TESTS)
  find_package(GTest CONFIG REQUIRED)
endif()
