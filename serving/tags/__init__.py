"""Tags 企业标签: what kind of firm it is, why, and how the firm takes back, declares or contests one."""
