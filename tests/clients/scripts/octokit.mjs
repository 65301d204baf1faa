// Octokit, with the proxy that its own documentation gives it.
import { Octokit } from "@octokit/rest";
import { EnvHttpProxyAgent, fetch } from "undici";

const dispatcher = new EnvHttpProxyAgent();
const octokit = new Octokit({
  auth: "ghp_upstream",
  request: { fetch: (url, options) => fetch(url, { ...options, dispatcher }) },
});
const made = await octokit.rest.repos.createOrUpdateFileContents({
  owner: "acme",
  repo: "site",
  path: "public/index.html",
  message: "New front page",
  content: "aGk=",
  branch: "main",
});
console.log(made.data.content.path);
await octokit.rest.repos.delete({ owner: "acme", repo: "old" });
