# lockstep_embed_chain(TARGET CHAIN_SUM [SERVICE_FILE]): compiles the chain.sum that a build is made
# with, and the service's lockstep.yaml, into TARGET, and links lockstep::agent to it. The program
# says `options.embedded = lockstep::GetEmbeddedFiles()` and needs neither file where it runs.
#
# Paths are relative to the calling CMakeLists.txt. The files are read when TARGET is built, and again
# when they change. At most one call in one program.
set(_lockstep_embed_chain_script ${CMAKE_CURRENT_LIST_DIR}/lockstep_embed_chain_script.cmake)

function(lockstep_embed_chain target chain_sum)
  if(NOT TARGET ${target})
    message(FATAL_ERROR "lockstep_embed_chain: there is no target ${target}")
  endif()
  if(ARGC GREATER 3)
    message(FATAL_ERROR "lockstep_embed_chain: TARGET CHAIN_SUM [SERVICE_FILE] is all it takes")
  endif()
  set(files)
  foreach(file IN LISTS chain_sum ARGN)
    get_filename_component(path ${file} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
    if(NOT EXISTS ${path})
      message(FATAL_ERROR "lockstep_embed_chain: there is no file ${path}")
    endif()
    list(APPEND files ${path})
  endforeach()
  list(GET files 0 chain_sum)
  set(service_file)
  if(ARGC EQUAL 3)
    list(GET files 1 service_file)
  endif()

  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}_embedded_chain.cc)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DCHAIN_SUM=${chain_sum}
            -DSERVICE_FILE=${service_file} -P ${_lockstep_embed_chain_script}
    DEPENDS ${files} ${_lockstep_embed_chain_script}
    COMMENT "Embedding ${chain_sum} into ${target}"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
  target_link_libraries(${target} PRIVATE lockstep::agent)
endfunction()
