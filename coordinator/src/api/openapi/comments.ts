import type { DescriptorProto, FileDescriptorProto } from '@bufbuild/protobuf/wkt';

/** What the contracts say of each message, field, enum, service and method, by full name ("a.b.Message.field"). */
export function commentsOf(files: readonly FileDescriptorProto[]): ReadonlyMap<string, string> {
  const comments = new Map<string, string>();
  for (const file of files) {
    const byPath = new Map((file.sourceCodeInfo?.location ?? []).map(({ path, leadingComments }) => [path.join('.'), leadingComments.trim()]));
    const note = (name: string, path: readonly number[]): void => {
      const text = byPath.get(path.join('.'));
      if (text) comments.set(name, text.replace(/\n ?/g, '\n'));
    };
    const message = (type: DescriptorProto, prefix: string, path: readonly number[]): void => {
      const name = `${prefix}.${type.name}`;
      note(name, path);
      type.field.forEach((field, index) => note(`${name}.${field.name}`, [...path, 2, index]));
      type.nestedType.forEach((nested, index) => message(nested, name, [...path, 3, index]));
    };
    // The numbers are those of the fields of FileDescriptorProto: 4 messages, 5 enums, 6 services.
    file.messageType.forEach((type, index) => message(type, file.package, [4, index]));
    file.enumType.forEach((type, index) => note(`${file.package}.${type.name}`, [5, index]));
    file.service.forEach((service, index) => {
      note(`${file.package}.${service.name}`, [6, index]);
      service.method.forEach((method, at) => note(`${file.package}.${service.name}.${method.name}`, [6, index, 2, at]));
    });
  }
  return comments;
}
