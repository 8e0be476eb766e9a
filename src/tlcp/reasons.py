"""Why the system refused a file, in both languages.

Spec: none
"""

from __future__ import annotations

import errno
from typing import Final

from tlcp.alerts import Text

__all__ = ["reason_of"]

_ZH: Final = {
    errno.ENOENT: "没有这个文件或目录",
    errno.EACCES: "权限不足",
    errno.EPERM: "不允许此操作",
    errno.EISDIR: "这是一个目录",
    errno.ENOTDIR: "路径中有一段不是目录",
    errno.EEXIST: "已经存在",
    errno.ENOSPC: "磁盘已满",
    errno.EROFS: "文件系统只读",
    errno.ELOOP: "符号链接层数过多",
    errno.ENAMETOOLONG: "文件名过长",
    errno.EMFILE: "打开的文件过多",
    errno.ENODEV: "没有这个设备",
    errno.EIO: "读写出错",
}


def reason_of(error: OSError) -> Text:
    """What the system says; in English where we have no Chinese for it."""
    said = error.strerror or str(error) or type(error).__name__
    return Text(said, _ZH.get(error.errno or 0, said))
