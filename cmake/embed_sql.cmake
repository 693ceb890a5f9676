# lockstep_embed_sql(OUTPUT.cc FILES...): compiles SQL files into a table of
# {name, text}, in the order given, declared in engine/catalog/embedded.h.
function(lockstep_embed_sql output)
  set(script ${PROJECT_SOURCE_DIR}/cmake/embed_sql_script.cmake)
  string(REPLACE ";" "|" files "${ARGN}")
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} "-DFILES=${files}" -P ${script}
    DEPENDS ${ARGN} ${script}
    VERBATIM)
endfunction()
