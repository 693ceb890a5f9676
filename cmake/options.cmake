# What every target of ours is compiled with. Warnings are an INTERFACE target so that generated
# code stays out of it; -Werror comes from the presets only, so that a newer compiler's new warning
# never stops a user's build.
option(LOCKSTEP_WERROR "Treat warnings as errors" OFF)

add_library(lockstep_options INTERFACE)
target_compile_options(lockstep_options INTERFACE -Wall -Wextra -Wno-missing-field-initializers)
target_include_directories(lockstep_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(lockstep_options INTERFACE -Wthread-safety)
endif()
if(LOCKSTEP_WERROR)
  target_compile_options(lockstep_options INTERFACE -Werror)
endif()
if(LOCKSTEP_SANITIZE)
  add_compile_options(-fsanitize=${LOCKSTEP_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${LOCKSTEP_SANITIZE})
endif()

# lockstep_layer(NAME SOURCES... DEPENDS ...): one static library a layer. The dependencies named
# here and the table of tests/layering are the same; the table is what a test enforces.
function(lockstep_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  # How we compile is not how who embeds the agent compiles: it is no part of what is exported.
  target_link_libraries(${name} PUBLIC $<BUILD_INTERFACE:lockstep_options> ${ARG_DEPENDS})
endfunction()
