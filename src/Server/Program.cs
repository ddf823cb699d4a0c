using Millrace.Server;
using Millrace.Server.Commands;

return await Verbs.RunAsync(CommandLine.Parse(args), Console.Out, Console.Error);
