# SPDX-License-Identifier: GPL-3.0-or-later
# Run by cpack on what it is about to pack: manual pages and changelog are compressed in a Debian package.
file(GLOB_RECURSE pages ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/sawatch*.[578])
list(FILTER pages INCLUDE REGEX "/man/man")
file(GLOB_RECURSE changelog ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/changelog)
foreach(page ${pages} ${changelog})
	execute_process(COMMAND gzip -9n ${page} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
