# SPDX-License-Identifier: GPL-3.0-or-later
# What is installed besides the program, and the Debian package: cpack --config BUILD/CPackConfig.cmake
set(SAWATCH_UNIT_DIR lib/systemd/system CACHE PATH "Where systemd finds units")
set(dist ${CMAKE_SOURCE_DIR}/dist)

configure_file("${dist}/sawatch@.service.in" "${CMAKE_BINARY_DIR}/dist/sawatch@.service" @ONLY)
install(FILES "${CMAKE_BINARY_DIR}/dist/sawatch@.service" DESTINATION ${SAWATCH_UNIT_DIR})
install(FILES ${dist}/sawatch.sysusers DESTINATION lib/sysusers.d RENAME sawatch.conf)
install(FILES ${dist}/sawatch.tmpfiles DESTINATION lib/tmpfiles.d RENAME sawatch.conf)
install(FILES ${dist}/sawatch.conf DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/sawatch)
install(FILES ${dist}/sawatch.default DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/default RENAME sawatch)
install(FILES README.md ${dist}/debian/copyright ${dist}/debian/changelog DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES schema/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/schema)	# the views, for whoever asks them
install(DIRECTORY monitoring DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples PATTERN "*.test.yml" EXCLUDE)
set(completions ${dist}/completions)
install(FILES ${completions}/sawatch.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME sawatch)
install(FILES ${completions}/_sawatch DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${completions}/sawatch.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# ---- the Debian package ----
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "sawatch maintainers <maintainers@sawatch.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "passive health monitor for IPsec tunnels")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Listens on a span port or reads captures, follows IKEv1, IKEv2, ESP and AH,
keeps the life of every security association in SQLite, and says which tunnels
are ill, since when, on whose side, and what to do about it. It holds no keys,
sends no packet and needs no access to either gateway.")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})	# the release preset's is /usr
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "sqlite3, systemd")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${dist}/debian/postinst ${dist}/debian/prerm ${dist}/debian/postrm
	${dist}/debian/conffiles)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/compress_docs.cmake)
include(CPack)
