# SPDX-License-Identifier: GPL-3.0-or-later
# Run by cpack on what it is about to pack: manual pages are compressed in a Debian package.
file(GLOB_RECURSE pages ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/sawatch*.[578])
list(FILTER pages INCLUDE REGEX "/man/man")
foreach(page ${pages})
	execute_process(COMMAND gzip -9n ${page} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
