# SPDX-License-Identifier: GPL-3.0-or-later
# sawatch.conf(5): its lists come from the program itself, so that the page cannot forget a setting.
set(conf_page ${CMAKE_BINARY_DIR}/manual/sawatch.conf.5)
add_custom_command(OUTPUT ${conf_page}
	COMMAND ${CMAKE_COMMAND} -DSAWATCH=$<TARGET_FILE:sawatch> -DIN=${CMAKE_SOURCE_DIR}/src/cli/sawatch.conf.5.in
		-DOUT=${conf_page} -P ${CMAKE_SOURCE_DIR}/cmake/settings_page.cmake
	DEPENDS sawatch ${CMAKE_SOURCE_DIR}/src/cli/sawatch.conf.5.in ${CMAKE_SOURCE_DIR}/cmake/settings_page.cmake VERBATIM)
add_custom_target(sawatch_manual ALL DEPENDS ${conf_page})

install(FILES ${conf_page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES src/cli/sawatch.7 DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
install(FILES src/cli/sawatch.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
