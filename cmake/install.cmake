# What `cmake --install` gives: the programs, and the CMake package `lockstep` with the library
# lockstep::agent. Components: programs, development.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lockstep)

install(TARGETS lockstep lockstep-agent lockstep-coordinator
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)

# Static libraries bring theirs along: all that lockstep_agent is made of.
install(TARGETS lockstep_agent lockstep_base lockstep_sql lockstep_sql_model lockstep_sql_rules
  lockstep_sql_analysis lockstep_chain lockstep_postgres
                lockstep_apply lockstep_backfill lockstep_proto lockstep_convert
  EXPORT lockstepTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/lockstep COMPONENT development
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(EXPORT lockstepTargets NAMESPACE lockstep::
  DESTINATION ${package_dir} COMPONENT development)

configure_package_config_file(cmake/lockstepConfig.cmake.in
  ${PROJECT_BINARY_DIR}/lockstepConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lockstepConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/lockstepConfig.cmake ${PROJECT_BINARY_DIR}/lockstepConfigVersion.cmake
  cmake/lockstep_embed_chain.cmake cmake/lockstep_embed_chain_script.cmake
  DESTINATION ${package_dir} COMPONENT development)
