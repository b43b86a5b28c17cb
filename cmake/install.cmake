# Installs the program, the engine's libraries and their headers, and a package: find_package(tapedeck) gives
# tapedeck::core, tapedeck::tape and so on, and their headers as "engine/tape/tape_reader.h".
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tapedeck)
install(TARGETS tapedeck RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS tapedeck_core tapedeck_topology tapedeck_tape tapedeck_feed tapedeck_transport tapedeck_blackbox
  tapedeck_replay EXPORT tapedeckTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tapedeck)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/engine ${PROJECT_SOURCE_DIR}/replay DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tapedeck
  FILES_MATCHING PATTERN "*.h")
install(EXPORT tapedeckTargets NAMESPACE tapedeck:: DESTINATION ${package_dir})

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/tapedeckConfig.cmake.in
  ${PROJECT_BINARY_DIR}/tapedeckConfig.cmake INSTALL_DESTINATION ${package_dir})
# Before 1.0 a minor version may break what the one before it had.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tapedeckConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tapedeckConfig.cmake ${PROJECT_BINARY_DIR}/tapedeckConfigVersion.cmake
  DESTINATION ${package_dir})
