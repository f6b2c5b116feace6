// Node 20 works; the SDK would tell an operator's terminal at its first call that it will not for ever.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

export {};
