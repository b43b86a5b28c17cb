# Flags live on this interface target only; every target of ours links it.
add_library(tapedeck_flags INTERFACE)
target_compile_features(tapedeck_flags INTERFACE cxx_std_20)
target_include_directories(tapedeck_flags INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
target_compile_options(tapedeck_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                                -Wno-sign-conversion $<$<BOOL:${TAPEDECK_WERROR}>:-Werror>)
if(TAPEDECK_SANITIZE)
  target_compile_options(tapedeck_flags INTERFACE -fsanitize=${TAPEDECK_SANITIZE} -fno-sanitize-recover=undefined
                                                  -fno-omit-frame-pointer -g1)
  target_link_options(tapedeck_flags INTERFACE -fsanitize=${TAPEDECK_SANITIZE})
endif()
if(TAPEDECK_FUZZ)
  target_compile_options(tapedeck_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# What every test has; sanitizers slow it down, and are told what to do. One variable, for gtest_discover_tests cannot
# pass on a list of them.
if(TAPEDECK_SANITIZE MATCHES thread)
  set(TAPEDECK_TEST_PROPERTIES TIMEOUT 600 ENVIRONMENT
      TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp:halt_on_error=1:second_deadlock_stack=1)
elseif(TAPEDECK_SANITIZE)
  set(TAPEDECK_TEST_PROPERTIES TIMEOUT 600 ENVIRONMENT
      ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1)
else()
  set(TAPEDECK_TEST_PROPERTIES TIMEOUT 300)
endif()

# Presets that join a target's sources (CMAKE_UNITY_BUILD) include .cc files, on purpose. Names in their anonymous
# namespaces must therefore be unique in a target.
function(tapedeck_joinable target)
  set_target_properties(${target} PROPERTIES
    UNITY_BUILD_CODE_BEFORE_INCLUDE "// NOLINTNEXTLINE(bugprone-suspicious-include)")
endfunction()

# tapedeck_library(NAME SOURCES a.cc b.cc LINK other...) makes the static library tapedeck_NAME, alias tapedeck::NAME.
function(tapedeck_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(tapedeck_${name} STATIC ${ARG_SOURCES})
  add_library(tapedeck::${name} ALIAS tapedeck_${name})
  # An installed library brings its users the standard, not our warnings.
  target_compile_features(tapedeck_${name} PUBLIC cxx_std_20)
  target_link_libraries(tapedeck_${name} PUBLIC $<BUILD_INTERFACE:tapedeck_flags> ${ARG_LINK})
  set_target_properties(tapedeck_${name} PROPERTIES EXPORT_NAME ${name})
  tapedeck_joinable(tapedeck_${name})
endfunction()

# tapedeck_program(NAME SOURCES ... LINK ...) makes an executable.
function(tapedeck_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE tapedeck_flags ${ARG_LINK})
  tapedeck_joinable(${name})
endfunction()

# tapedeck_unit_test(NAME SOURCES ... LINK ...) makes a GoogleTest program and one ctest test per TEST. Its sources find
# the recorded feeds in the environment variable TAPEDECK_DATA_DIR or else in the macro of that name.
function(tapedeck_unit_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  tapedeck_program(${name}_test SOURCES ${ARG_SOURCES} LINK ${ARG_LINK} GTest::gmock GTest::gtest_main)
  add_dependencies(unit_tests ${name}_test)
  target_compile_definitions(${name}_test PRIVATE TAPEDECK_DATA_DIR="${TAPEDECK_DATA_DIR}")
  target_compile_options(${name}_test PRIVATE -O1)  # a quarter less to compile than -O3, and as quick to run
  gtest_discover_tests(${name}_test DISCOVERY_TIMEOUT 60 PROPERTIES LABELS unit ${TAPEDECK_TEST_PROPERTIES})
endfunction()

# tapedeck_python_test(NAME SCRIPT LABEL) makes one ctest test of a Python unittest script.
function(tapedeck_python_test name script label)
  cmake_path(ABSOLUTE_PATH script OUTPUT_VARIABLE path)
  cmake_path(GET path PARENT_PATH folder)
  cmake_path(GET path FILENAME file)
  add_test(NAME ${name} COMMAND Python3::Interpreter -B -m unittest --verbose ${file} WORKING_DIRECTORY ${folder})
  set_tests_properties(${name} PROPERTIES LABELS ${label} ${TAPEDECK_TEST_PROPERTIES}
    FAIL_REGULAR_EXPRESSION "Ran 0 tests")
endfunction()

# tapedeck_system_test(NAME SCRIPT) makes one ctest test of a Python unittest script that runs the program. The script
# finds the program and the recorded feeds in the environment variables TAPEDECK and TAPEDECK_DATA_DIR.
function(tapedeck_system_test name script)
  tapedeck_python_test(${name} ${script} system)
  set_property(TEST ${name} APPEND PROPERTY
    ENVIRONMENT TAPEDECK=$<TARGET_FILE:tapedeck> TAPEDECK_DATA_DIR=${TAPEDECK_DATA_DIR})
endfunction()

# tapedeck_fuzz_target(NAME LINK ...) makes the program NAME_fuzz from NAME_fuzz.cc, and a ctest test that runs it over
# the files in corpus/NAME and regressions/NAME. With TAPEDECK_FUZZ it is a libFuzzer program, which tools/fuzz runs.
function(tapedeck_fuzz_target name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  tapedeck_program(${name}_fuzz SOURCES ${name}_fuzz.cc LINK ${ARG_LINK})
  if(TAPEDECK_FUZZ)
    target_sources(${name}_fuzz PRIVATE libfuzzer.cc)
    target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
    set(once -runs=0)
  else()
    target_sources(${name}_fuzz PRIVATE driver.cc)
  endif()
  add_dependencies(fuzz_targets ${name}_fuzz)
  foreach(folder corpus regressions)
    if(IS_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/${name})
      list(APPEND inputs ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/${name})
    endif()
  endforeach()
  add_test(NAME fuzz_${name} COMMAND ${name}_fuzz ${once} ${inputs})
  set_tests_properties(fuzz_${name} PROPERTIES LABELS fuzz ${TAPEDECK_TEST_PROPERTIES})
endfunction()
